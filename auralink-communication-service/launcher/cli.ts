/**
 * `./aura`: the commands and their options. What they do lies in the files beside this one; what only developers need is
 * loaded when it is asked for.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  DELIVERIES_LISTED_MAX,
  ROTATION_GRACE_MAX_SECONDS,
  ROTATION_GRACE_SECONDS,
} from '../auralink-modules/dashboard/model.ts';
import { ConfigError } from '../config.ts';
import { BACKUPS_KEPT } from './backup-files.ts';
import { benchNames, runBench } from './bench.ts';
import { runDown, runLogs, runStatus, runToken } from './commands.ts';
import { DEFAULT_TTL_SECONDS } from './dashboard-token.ts';
import { FrontDoorError } from './errors.ts';
import { runUp } from './up.ts';

const MAX_PROCESSES = 64;

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`a whole number from ${min} to ${max} is needed`);
    }
    return value;
  };
}

const dataOption = (): Option => new Option('--data <dir>', 'data folder (default: .aura/data in the clone)');
const jsonOption = (): Option => new Option('--json', 'answer with one JSON object').default(false);

async function finish(code: Promise<number>): Promise<void> {
  process.exitCode = await code;
}

function addRunning(program: Command): void {
  program
    .command('up')
    .description('install what is missing, start everything, wait until it is healthy')
    .addOption(dataOption())
    .addOption(
      new Option('--port-base <n>', 'put every port at n + offset, for several side by side')
        .argParser(wholeNumber(1024, 65_234))
        .default(null, 'the well-known ports'),
    )
    .addOption(
      new Option('--processes <n>', 'service processes that share the ports')
        .argParser(wholeNumber(1, MAX_PROCESSES))
        .default(1),
    )
    .option('--no-redis', 'do not run a Redis, even if one is installed')
    .option('--detach', 'return when it is up, leave it running', false)
    .addOption(new Option('--background').hideHelp().default(false))
    .addOption(jsonOption())
    .action((options) => finish(runUp(options)));

  program
    .command('down')
    .description('stop everything, in order')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action((options) => finish(runDown(options)));

  program
    .command('status')
    .description('what runs, and /health; exit 0 when it is healthy')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action((options) => finish(runStatus(options)));
}

function addLooking(program: Command): void {
  program
    .command('logs')
    .description('the end of one log, or of all')
    .argument('[part]', 'service-1, synapse, livekit, postgres, redis, postbox, supervisor')
    .option('-f, --follow', 'go on until interrupted', false)
    .addOption(dataOption())
    .action((part, options) => finish(runLogs(part, { ...options, json: false })));

  program
    .command('messages')
    .description('the e-mails and SMS that the development postbox took')
    .option('-f, --follow', 'go on until interrupted', false)
    .addOption(dataOption())
    .addOption(new Option('--json', 'one JSON object a line').default(false))
    .action(async (options) => finish((await import('./messages.ts')).runMessages(options)));

  program
    .command('token')
    .description('a Dashboard token of the development key, for trying /internal')
    .requiredOption('--scope <scopes>', 'for example matrix.register')
    .option('--subject <name>', 'the service that calls', 'aura-launcher')
    .addOption(
      new Option('--ttl <seconds>', 'how long it is good')
        .argParser(wholeNumber(1, 86_400))
        .default(DEFAULT_TTL_SECONDS),
    )
    .addOption(dataOption())
    .addOption(jsonOption())
    .action((options) => finish(runToken(options)));
}

function addApps(program: Command): void {
  program
    .command('app')
    .description('apps that people may sign in to, besides the ones that come along')
    .command('add')
    .description('register an app with the constellation that is up, or bring it up to date')
    .requiredOption('--id <id>', "the SDK's appId, for example shop")
    .requiredOption('--name <name>', 'what people see')
    .requiredOption('--icon <icon>', 'an emoji')
    .requiredOption('--origin <origin>', 'where it lives, for example https://shop.example')
    .option('--redirect <url...>', 'where sign-in may return to (default: the root of its origin)')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (options) => finish((await import('./apps.ts')).runAddApp(options)));
}

function addBackups(program: Command): void {
  program
    .command('backup')
    .description(
      'both databases into a folder, while everything runs; what is encrypted of erased people opens no more',
    )
    .argument('<folder>', 'empty, or with earlier backups')
    .addOption(
      new Option('--keep <n>', 'the newest so many stay')
        .argParser(wholeNumber(1, 10_000))
        .default(BACKUPS_KEPT),
    )
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (folder, options) => finish((await import('./backup.ts')).runBackup(folder, options)));

  program
    .command('restore')
    .description('bring a backup back while nothing is up, and erase again who was erased since')
    .argument('<folder>', 'where ./aura backup wrote it')
    .option('--from <stamp>', 'which one, for example 20261123T140511Z (default: the newest)')
    .option('--replace', 'take the place of people who are there', false)
    .addOption(dataOption())
    .addOption(
      new Option('--port-base <n>', 'as for ./aura up')
        .argParser(wholeNumber(1024, 65_234))
        .default(null, 'the well-known ports'),
    )
    .addOption(jsonOption())
    .action(async (folder, options) => finish((await import('./restore.ts')).runRestore(folder, options)));
}

function addKeeping(program: Command): void {
  program
    .command('audit')
    .description('the log of what people and operators did to identities')
    .command('verify')
    .description('whether the log is whole: exit 0, 1 when it was altered, 2 when that cannot be told')
    .option('--heads <file>', "exported heads to hold it against (default: the data folder's own)")
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { runVerifyAudit } = await import('./audit.ts');
      await finish(
        runVerifyAudit(options).catch((error: unknown) => {
          console.error(`aura: ${(error as Error).message}`);
          return 2;
        }),
      );
    });

  const keys = program.command('keys').description("the key ring that wraps people's data keys");
  keys
    .command('rotate')
    .description('add a key and make it current; data keys are wrapped anew in the background')
    .option(
      '--index',
      'the key by whose digests people are found; these are made anew in the background',
      false,
    )
    .option(
      '--identity',
      'the key with which the Matrix Identity Service signs; the old ones stay valid',
      false,
    )
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (options) =>
      finish(
        options.identity
          ? (await import('./identity-key.ts')).runRotateIdentityKey(options)
          : (await import('./keys.ts')).runRotateKeys(options),
      ),
    );
  keys
    .command('retire')
    .description('take a key away that wraps nothing any more')
    .argument('<id>', 'for example k1; of an index key i1')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (id, options) => finish((await import('./keys.ts')).runRetireKey(id, options)));
  keys
    .command('status')
    .description('the keys of the ring, and how many data keys each wraps or digests each made')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (options) => finish((await import('./keys.ts')).runKeysStatus(options)));
}

function addWebhooks(program: Command): void {
  const webhooks = program
    .command('webhooks')
    .description('what the Dashboard is told (docs/api/webhooks.md)');
  const command = (name: string, description: string): Command =>
    webhooks.command(name).description(description).addOption(dataOption()).addOption(jsonOption());
  const load = () => import('./webhooks.ts');
  command('list', 'how many wait or were given up, and the newest of them')
    .addOption(
      new Option('--state <state>', 'which ones').choices(['dead', 'pending', 'delivered']).default('dead'),
    )
    .addOption(
      new Option('--limit <n>', 'how many').argParser(wholeNumber(1, DELIVERIES_LISTED_MAX)).default(50),
    )
    .addOption(
      new Option('--before <seq>', 'only those before this one').argParser(
        wholeNumber(1, Number.MAX_SAFE_INTEGER),
      ),
    )
    .action(async (options) => finish((await load()).runListWebhooks(options)));
  command('replay', 'send again what was given up: these, or all')
    .argument('[webhook-ids...]')
    .action(async (ids, options) => finish((await load()).runReplayWebhooks(ids, options)));
  command('rotate', 'make a new signing secret and print it; the old one signs too for a while')
    .addOption(
      new Option('--grace <seconds>', 'for how long')
        .argParser(wholeNumber(0, ROTATION_GRACE_MAX_SECONDS))
        .default(ROTATION_GRACE_SECONDS),
    )
    .action(async (options) => finish((await load()).runRotateWebhooks(options)));
  command('secrets', 'print the signing secrets that count, newest first').action(async (options) =>
    finish((await load()).runShowSecrets(options)),
  );
  for (const name of ['enable', 'disable'] as const) {
    const says = name === 'enable' ? 'send again, after a 410 or a disable' : 'send nothing; events wait';
    command(name, says).action(async (options) =>
      finish((await load()).runSwitchWebhooks(name === 'enable', options)),
    );
  }
}

function addDeveloping(program: Command): void {
  program
    .command('test')
    .description('install what tests need and run them; the last line is "N passed, N failed"')
    .argument('[what...]', 'unit, integration, system (default: all), or parts of file names')
    .addOption(jsonOption())
    .action(async (what, options) => finish((await import('./test.ts')).runTests(what, options)));

  program
    .command('check')
    .description('types, lint, format, dead code, directions (see check --help)')
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(async (_options, command: Command) =>
      finish((await import('./check.ts')).runCheck(command.args)),
    );

  program
    .command('bench')
    .description('measure; prints for people, or one JSON object')
    .argument('[name]', benchNames().join(', '))
    .addOption(jsonOption())
    .allowUnknownOption()
    .allowExcessArguments()
    .action((name, options, command: Command) => finish(runBench(name, options, command.args.slice(1))));
}

function build(): Command {
  const program = new Command('aura')
    .description('AuraLink: one address for a person that rings in every app she uses.')
    .showHelpAfterError();
  addRunning(program);
  addLooking(program);
  addApps(program);
  addBackups(program);
  addKeeping(program);
  addWebhooks(program);
  addDeveloping(program);
  return program;
}

try {
  await build().parseAsync();
} catch (error) {
  if (error instanceof FrontDoorError || error instanceof ConfigError || error instanceof RangeError) {
    console.error(`aura: ${error.message}`);
  } else {
    console.error(error);
  }
  process.exitCode = 1;
}
