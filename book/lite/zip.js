// Zip files as `course log export` writes them: window.course.zip.write({name: text}) → Blob, .read(file) → {name: text}.
// Written without compression; read with it, by the browser's own DecompressionStream.
(() => {
  "use strict";

  const LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50, UTF8 = 0x0800, LIMIT = 300e6;
  const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });

  const crc32 = (bytes) => ~bytes.reduce((crc, byte) => TABLE[(crc ^ byte) & 255] ^ (crc >>> 8), -1) >>> 0;

  // Numbers of 2 or 4 bytes, little-endian: packed([2, 20], [4, LOCAL]).
  const packed = (...fields) => {
    const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
    let at = 0;
    for (const [size, value] of fields) {
      if (size === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
      at += size;
    }
    return new Uint8Array(view.buffer);
  };

  const write = (files) => {
    const parts = [], central = [];
    let at = 0, listed = 0;
    for (const [name, text] of Object.entries(files)) {
      const path = new TextEncoder().encode(name), data = new TextEncoder().encode(text);
      const facts = [[2, 20], [2, UTF8], [2, 0], [2, 0], [2, 0x21], [4, crc32(data)], [4, data.length], [4, data.length], [2, path.length], [2, 0]];
      const local = [packed([4, LOCAL], ...facts), path, data];
      const entry = [packed([4, CENTRAL], [2, 20], ...facts, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]), path];
      parts.push(...local);
      central.push(...entry);
      at += local.reduce((sum, { length }) => sum + length, 0);
      listed += entry.reduce((sum, { length }) => sum + length, 0);
    }
    const count = Object.keys(files).length;
    const end = packed([4, END], [2, 0], [2, 0], [2, count], [2, count], [4, listed], [4, at], [2, 0]);
    return new Blob([...parts, ...central, end], { type: "application/zip" });
  };

  const inflated = async (bytes) => {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  const broken = () => new Error("this is no whole zip file");

  // Where the list of contents begins and how many entries it has, from the record at the file's end.
  const contents = (view) => {
    for (let at = view.byteLength - 22; at >= 0 && at > view.byteLength - 65558; at--)
      if (view.getUint32(at, true) === END) return [view.getUint32(at + 16, true), view.getUint16(at + 10, true)];
    throw broken();
  };

  const entry = async (bytes, view, at) => {
    if (view.getUint32(at, true) !== CENTRAL) throw broken();
    const [method, crc, stored, size] = [view.getUint16(at + 10, true), ...[16, 20, 24].map((n) => view.getUint32(at + n, true))];
    const [path, extra, comment] = [28, 30, 32].map((n) => view.getUint16(at + n, true));
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (size > LIMIT || start + stored > bytes.length || ![0, 8].includes(method)) throw broken();
    const data = bytes.subarray(start, start + stored), plain = method ? await inflated(data) : data;
    if (plain.length !== size || crc32(plain) !== crc) throw broken();
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + path));
    return [name, plain, at + 46 + path + extra + comment];
  };

  // Texts by name; other kinds of files than those that `wanted(name)` are checked and left out.
  const read = async (file, wanted) => {
    const bytes = new Uint8Array(await file.arrayBuffer()), view = new DataView(bytes.buffer), found = {};
    try {
      let [at, count] = contents(view);
      for (; count > 0; count--) {
        const [name, plain, next] = await entry(bytes, view, at);
        if (wanted(name)) found[name] = new TextDecoder().decode(plain);
        at = next;
      }
    } catch {
      throw broken(); // a place outside of the file, data that do not unpack
    }
    return found;
  };

  window.course = Object.assign(window.course ?? {}, { zip: { write, read } });
})();
