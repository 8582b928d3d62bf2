// Images in a thread. The SDK uploads and deletes them; to look at one, an
// application fetches the address that the message's attachment has.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import zlib from "node:zlib";
import { ENDPOINT, refused } from "./world.mjs";

const API_VERSION = "2024-06-05-preview";

/** A PNG of one colour. */
export function png(width, height) {
  const number = (value) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map((byte) => byte & 255));
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    return Buffer.concat([number(data.length), body, number(checksum(body))]);
  };
  const header = Buffer.concat([number(width), number(height), Buffer.from([8, 2, 0, 0, 0])]);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, 200)]);
  const rows = zlib.deflateSync(Buffer.concat(Array(height).fill(row)));
  const signature = Buffer.from("89504e470d0a1a0a", "hex");
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))]);
}

/** zlib has its own only from Node 20.15 and 22.2 on. */
function checksum(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes);
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (0xedb88320 & -(sum & 1));
  }
  return ~sum;
}

const PICTURE = png(600, 400);

/** ArrayBuffer and not Buffer is what the SDK takes. */
export const arrayBuffer = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);

export async function upload(thread, name = "lunch.png") {
  return thread.uploadImage(arrayBuffer(PICTURE), name);
}

const imagePath = ({ threadId }, id, kind) =>
  `${ENDPOINT}/chat/threads/${encodeURIComponent(threadId)}/images/${id}/view/${kind}`;

async function look(person, url) {
  const address = new URL(url);
  address.searchParams.set("api-version", address.searchParams.get("api-version") ?? API_VERSION);
  const answer = await fetch(address, { headers: { authorization: `Bearer ${person.token}` } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  return { status: answer.status, type: answer.headers.get("content-type"), bytes };
}

async function pair(world) {
  const [owner, other, outsider] = await world.people(3);
  const thread = await owner.createThread([other]);
  return { owner, other, outsider, thread };
}

export const checks = {
  async upload(world) {
    const { thread } = await pair(world);
    const first = await upload(thread);
    assert.ok(first.id, "the image has no id");
    assert.equal(first.attachmentType, "image");
    assert.equal(first.name, "lunch.png");
    assert.notEqual((await upload(thread)).id, first.id, "two images share an id");
  },

  async upload_blob(world) {
    const { other, thread } = await pair(world);
    const { id } = await thread.uploadImage(new Blob([PICTURE], { type: "image/png" }), "blob.png");
    assert.deepEqual((await look(other, imagePath(thread, id, "original"))).bytes, PICTURE);
  },

  async upload_stream(world) {
    const { other, thread } = await pair(world);
    const stream = Readable.toWeb(Readable.from([PICTURE.subarray(0, 100), PICTURE.subarray(100)]));
    const { id } = await thread.uploadImage(stream, "stream.png", PICTURE.length);
    assert.deepEqual((await look(other, imagePath(thread, id, "original"))).bytes, PICTURE);
  },

  async view(world) {
    const { other, thread } = await pair(world);
    const { id } = await upload(thread);
    const original = await look(other, imagePath(thread, id, "original"));
    assert.equal(original.status, 200);
    assert.equal(original.type, "image/png");
    assert.deepEqual(original.bytes, PICTURE, "the picture came back differently");
    const small = await look(other, imagePath(thread, id, "small"));
    assert.equal(small.status, 200);
    assert.match(small.type, /^image\//);
    assert.ok(small.bytes.length > 0, "the small picture is empty");
  },

  async attachment_addresses(world) {
    const { other, thread } = await pair(world);
    const { id } = await upload(thread);
    const options = { attachments: [{ id, attachmentType: "image", name: "lunch.png" }] };
    const sent = await thread.sendMessage({ content: "look" }, options);
    const message = await other.thread(thread.threadId).getMessage(sent.id);
    const [attachment] = message.content.attachments;
    assert.equal(attachment.id, id);
    assert.ok(attachment.url && attachment.previewUrl, "the attachment has no addresses");
    assert.deepEqual((await look(other, attachment.url)).bytes, PICTURE, "the address has another picture");
    assert.equal((await look(other, attachment.previewUrl)).status, 200);
  },

  async delete(world) {
    const { owner, thread } = await pair(world);
    const { id } = await upload(thread);
    const kept = await upload(thread);
    await thread.deleteImage(id);
    assert.equal((await look(owner, imagePath(thread, id, "original"))).status, 404);
    assert.equal((await look(owner, imagePath(thread, kept.id, "original"))).status, 200, "another image is gone, too");
  },

  async not_an_image(world) {
    const { thread } = await pair(world);
    const uploading = thread.uploadImage(arrayBuffer(Buffer.from("not an image")), "text.png");
    // The documents do not say which of the two.
    await assert.rejects(uploading, (error) => [400, 415].includes(error.statusCode), "a text was taken for an image");
  },

  async outsider_refused(world) {
    const { outsider, thread } = await pair(world);
    const { id } = await upload(thread);
    const seen = outsider.thread(thread.threadId);
    await refused(403, () => upload(seen));
    await refused(403, () => seen.deleteImage(id));
    assert.equal((await look(outsider, imagePath(thread, id, "original"))).status, 403);
  },
};
