// A static server on 127.0.0.1 with gzip, which counts what it sends. `prefix` is the path that the site lies under;
// another `root` takes effect with the next request, as when a host gets a new version of a site.
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";

const TYPES = {
  ".css": "text/css", ".html": "text/html", ".ipynb": "application/json", ".js": "text/javascript", ".json": "application/json",
  ".mjs": "text/javascript", ".png": "image/png", ".svg": "image/svg+xml", ".wasm": "application/wasm", ".woff2": "font/woff2",
};
const PACKED = new Set([".whl", ".zip", ".png", ".woff2"]); // what gzip would not make smaller

export async function serve(root, prefix = "/") {
  const site = { root };
  const packed = new Map(); // path and time → gzipped bytes, as a host would keep them
  const gzipped = (path) => {
    const key = `${path} ${statSync(path).mtimeMs}`;
    if (!packed.has(key)) packed.set(key, gzipSync(readFileSync(path)));
    return packed.get(key);
  };
  const counted = { bytes: 0, files: new Map() };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://host");
    let path = join(site.root, normalize(decodeURIComponent(pathname.slice(prefix.length - 1))));
    if (existsSync(path) && statSync(path).isDirectory()) {
      if (!pathname.endsWith("/")) return response.writeHead(301, { Location: `${pathname}/` }).end(); // as every host does
      path = join(path, "index.html");
    }
    if (!pathname.startsWith(prefix) || !existsSync(path)) return response.writeHead(404).end();
    const type = { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream", "Cache-Control": "no-cache" };
    const tag = `"${statSync(path).size}-${statSync(path).mtimeMs}"`;
    if (request.headers["if-none-match"] === tag) return response.writeHead(304, { ETag: tag }).end();
    const count = (size) => {
      counted.bytes += size;
      counted.files.set(pathname, (counted.files.get(pathname) ?? 0) + size);
    };
    if (PACKED.has(extname(path))) {
      count(statSync(path).size);
      response.writeHead(200, { ...type, ETag: tag });
      return createReadStream(path).pipe(response);
    }
    const body = gzipped(path);
    count(body.length);
    return response.writeHead(200, { ...type, ETag: tag, "Content-Encoding": "gzip" }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(site, { url: `http://127.0.0.1:${server.address().port}${prefix}`, counted, close: () => server.close() });
}
