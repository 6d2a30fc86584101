/** docs/api/openapi.json: what the routes' own schemas say, so that a change of the API shows in every review. */
import { describeApi } from '../../wire/describe-api.ts';
import { checkGeneratedFile } from './generated.ts';

export async function checkOpenApi(root: string, fix: boolean): Promise<string[]> {
  const text = `${JSON.stringify(await describeApi(), null, 2)}\n`;
  return checkGeneratedFile(root, 'docs/api/openapi.json', text, fix);
}
