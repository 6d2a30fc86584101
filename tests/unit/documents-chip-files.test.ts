/** Archives that reader apps hand out, and those that somebody built to hurt. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, deflateRawSync } from 'node:zlib';
import {
  CHIP_BYTES_MAX,
  CHIP_FILES_MAX,
  unpackChip,
} from '../../auralink-communication-service/auralink-modules/documents/chip-files.ts';
import { dg1, dg2, tlv } from '../support/travel-pki.ts';
import { td3 } from '../support/mrz-lines.ts';

interface Packed {
  readonly name: string;
  readonly plain: Buffer;
  /** What the archive says of its size, when that is a lie. */
  readonly said?: number;
}

/** A zip archive (APPNOTE 4.3), each file deflated. */
function zip(files: readonly Packed[]): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { name, plain, said = plain.length } of files) {
    const packed = deflateRawSync(plain, { level: 9 });
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(8, 4);
    head.writeUInt32LE(crc32(plain), 10);
    head.writeUInt32LE(packed.length, 14);
    head.writeUInt32LE(said, 18);
    head.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), head, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    central.push(
      Buffer.concat([Buffer.from('PK\u0001\u0002'), Buffer.of(20, 0), head, tail, Buffer.from(name)]),
    );
    parts.push(local);
    at += local.length;
  }
  const index = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(index.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...parts, index, Buffer.from('PK\u0005\u0006'), end]);
}

test('files one by one, in an archive, or both; what no chip holds is left out', async () => {
  const [first, second] = [dg1(td3()), dg2()];
  const note = { name: 'readme.txt', plain: Buffer.from('made by a reader') };
  assert.deepEqual(await unpackChip([first, second]), { files: [first, second] });
  const archive = zip([
    { name: 'chip/', plain: Buffer.alloc(0) },
    { name: 'chip/DG1.bin', plain: first },
    note,
  ]);
  assert.deepEqual(await unpackChip([archive, second, note.plain]), { files: [first, second] });
  assert.deepEqual(await unpackChip([]), { files: [] });
});

test('bombs: too much when unpacked, more than the archive says, too many files, and archives in archives', async () => {
  const big = tlv(0x75, Buffer.alloc(CHIP_BYTES_MAX));
  const bomb = zip([{ name: 'DG2', plain: big }]);
  assert.ok(bomb.length < 10_000);
  assert.match(JSON.stringify(await unpackChip([bomb])), /holds more than/);
  const lying = await unpackChip([zip([{ name: 'DG2', plain: big, said: 100 }])]);
  assert.equal(lying.files, null);
  const many = Array.from({ length: CHIP_FILES_MAX * 2 + 1 }, (_, index) => ({
    name: `${index}`,
    plain: dg2(),
  }));
  assert.match(JSON.stringify(await unpackChip([zip(many)])), /too many files/);
  assert.equal((await unpackChip(Array.from({ length: CHIP_FILES_MAX + 1 }, () => dg2()))).files, null);
  assert.equal((await unpackChip([big])).files, null);
  assert.deepEqual(await unpackChip([zip([{ name: 'in.zip', plain: bomb }])]), { files: [] });
});

test('broken archives are told, and none ends the process', async () => {
  const good = zip([{ name: 'DG1', plain: dg1(td3()) }]);
  for (let length = 4; length < good.length; length += 3) {
    assert.equal((await unpackChip([good.subarray(0, length)])).files, null, String(length));
  }
  for (let at = 4; at < good.length; at += 1) {
    const changed = Buffer.from(good);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    const { files } = await unpackChip([changed]);
    assert.ok(files === null || files.length <= 1);
  }
  const climbing = await unpackChip([zip([{ name: '../../etc/passwd', plain: dg2() }])]);
  assert.equal(climbing.files, null);
});
