// The server through ioredis and node-redis: `node node.mjs PORT CLIENT PROTOCOL`, the client
// being `ioredis` or `redis`, the protocol 2 or 3.
//
// The last line says how many tests passed and failed; the exit code is 1 when any failed.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const [port, library, protocol] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

async function waitUntil(what, condition) {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `still waiting: ${what}`);
    await new Promise((resume) => setTimeout(resume, 2));
  }
}

// A queue between a callback and a test that waits for what it delivers.
function mailbox() {
  const arrived = [];
  const waiting = [];
  return {
    put: (item) => (waiting.length ? waiting.shift()(item) : arrived.push(item)),
    next: () =>
      arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resume) => waiting.push(resume)),
  };
}

// Those of COMMAND LIST that COMMAND COUNT counts.
const topLevel = (names) => names.filter((name) => !name.includes("|"));

const ioredisTests = (Redis) => {
  const connect = (options = {}) => {
    const client = new Redis({ port, host: "127.0.0.1", protocol, ...options });
    client.on("error", () => {});
    return client;
  };
  const using = async (work, options) => {
    const client = connect(options);
    try {
      return await work(client);
    } finally {
      client.disconnect();
    }
  };
  return {
    reset: () => using((r) => r.flushall()),
    strings: () =>
      using(async (r) => {
        assert.equal(await r.set("k", "v"), "OK");
        assert.equal(await r.get("k"), "v");
        assert.equal(await r.get("missing"), null);
        assert.equal(await r.set("k", "w", "NX"), null);
        assert.equal(await r.set("k", "w", "GET"), "v");
        assert.equal(await r.append("k", "x"), 2);
        assert.equal(await r.getrange("k", 0, -1), "wx");
        assert.equal(await r.incrby("n", 5), 5);
        assert.equal(await r.incrbyfloat("n", 0.5), "5.5");
        assert.deepEqual(await r.mget("k", "missing"), ["wx", null]);
        assert.equal(await r.mset({ a: 1, b: 2 }), "OK");
        assert.equal(await r.getdel("k"), "wx");
        assert.equal(await r.setbit("bits", 3, 1), 0);
        assert.equal(await r.bitcount("bits"), 1);
        await assert.rejects(r.incr("n"), /not an integer/);
      }),
    binary: () =>
      using(async (r) => {
        await r.set(everyByte, everyByte);
        assert.deepEqual(await r.getBuffer(everyByte), everyByte);
        const big = Buffer.concat(Array(20_000).fill(everyByte));
        await r.set("big", big);
        assert.ok((await r.getBuffer("big")).equals(big));
      }),
    expiry: () =>
      using(async (r) => {
        await r.set("k", "v", "EX", 100);
        assert.ok((await r.ttl("k")) > 98);
        assert.equal(await r.persist("k"), 1);
        assert.equal(await r.pexpire("k", 100_000, "NX"), 1);
        await r.set("short", "v", "PX", 20);
        await waitUntil("it expires", async () => (await r.get("short")) === null);
      }),
    pipelines: () =>
      using(async (r) => {
        const pipeline = r.pipeline();
        for (let number = 0; number < 5000; number++) pipeline.set(`k:${number}`, number).get(`k:${number}`);
        const replies = await pipeline.exec();
        replies.forEach(([error, reply], index) => {
          assert.equal(error, null);
          assert.equal(reply, index % 2 ? String((index - 1) / 2) : "OK");
        });
      }, { enableAutoPipelining: false }),
    "automatic pipelines": () =>
      using(async (r) => {
        const replies = await Promise.all(Array.from({ length: 1000 }, () => r.incr("n")));
        assert.deepEqual(replies, Array.from({ length: 1000 }, (_, index) => index + 1));
      }, { enableAutoPipelining: true }),
    transactions: () =>
      using(async (r) => {
        assert.deepEqual(await r.multi().set("k", 1).incr("k").get("k").exec(), [
          [null, "OK"],
          [null, 2],
          [null, "2"],
        ]);
        const [, [error]] = await r.multi().set("k", "text").incr("k").exec();
        assert.match(error.message, /not an integer/);
      }),
    watch: () =>
      using(async (r) => {
        await r.watch("k");
        await using((other) => other.set("k", "theirs"));
        assert.equal(await r.multi().set("k", "mine").exec(), null);
        assert.equal(await r.get("k"), "theirs");
        await r.watch("k");
        assert.deepEqual(await r.multi().set("k", "mine").exec(), [[null, "OK"]]);
      }),
    pubsub: () =>
      using((publisher) =>
        using(async (r) => {
          const box = mailbox();
          r.on("message", (channel, message) => box.put(["message", channel, message]));
          r.on("pmessage", (...all) => box.put(["pmessage", ...all]));
          r.on("smessage", (channel, message) => box.put(["smessage", channel, message]));
          assert.equal(await r.subscribe("ch"), 1);
          assert.equal(await r.psubscribe("p*"), 2);
          await r.ssubscribe("shard");
          assert.equal(await publisher.publish("ch", "one"), 1);
          assert.deepEqual(await box.next(), ["message", "ch", "one"]);
          assert.equal(await publisher.publish("pat", "two"), 1);
          assert.deepEqual(await box.next(), ["pmessage", "p*", "pat", "two"]);
          assert.equal(await publisher.spublish("shard", "three"), 1);
          assert.deepEqual(await box.next(), ["smessage", "shard", "three"]);
          await r.unsubscribe("ch");
          assert.equal(await publisher.publish("ch", "lost"), 0);
        }),
      ),
    scan: () =>
      using(async (r) => {
        const keys = Array.from({ length: 500 }, (_, number) => `key:${number}`);
        await r.mset(keys.flatMap((key) => [key, 1]));
        const found = new Set();
        for await (const some of r.scanStream({ match: "key:*", count: 20 })) some.forEach((key) => found.add(key));
        assert.equal(found.size, keys.length);
      }),
    "names, databases and information": () =>
      using(async (r) => {
        assert.equal(await r.client("GETNAME"), "worker");
        await r.set("k", "v");
        assert.match(await r.info("keyspace"), /db3:keys=1/);
        assert.match(await r.client("INFO"), new RegExp(` db=3 .* resp=${protocol}`));
        assert.deepEqual(await r.config("GET", "databases"), ["databases", "16"]);
        assert.equal(await r.command("COUNT"), topLevel(await r.command("LIST")).length);
      }, { connectionName: "worker", db: 3 }),
    passwords: () =>
      using(async (r) => {
        await r.config("SET", "requirepass", "secret");
        try {
          await using((own) => own.set("k", "v"), { password: "secret" });
          await using((other) => assert.rejects(other.get("k"), /NOAUTH/), { enableReadyCheck: false });
        } finally {
          await r.config("SET", "requirepass", "");
        }
      }),
  };
};

const nodeRedisTests = ({ createClient }) => {
  const using = async (work, options = {}) => {
    const client = createClient({ socket: { port, host: "127.0.0.1" }, RESP: protocol, ...options });
    client.on("error", () => {});
    await client.connect();
    try {
      return await work(client);
    } finally {
      client.destroy();
    }
  };
  return {
    reset: () => using((r) => r.flushAll()),
    strings: () =>
      using(async (r) => {
        assert.equal(await r.set("k", "v"), "OK");
        assert.equal(await r.get("k"), "v");
        assert.equal(await r.get("missing"), null);
        assert.equal(await r.sendCommand(["SET", "k", "w", "NX"]), null);
        assert.equal(await r.incrBy("n", 5), 5);
        assert.deepEqual(await r.mGet(["k", "missing"]), ["v", null]);
        assert.equal(await r.getDel("k"), "v");
        await assert.rejects(r.sendCommand(["GET"]), /wrong number of arguments/);
      }),
    expiry: () =>
      using(async (r) => {
        await r.set("k", "v");
        await r.expire("k", 100);
        assert.ok((await r.ttl("k")) > 98);
        await r.pExpire("k", 20);
        await waitUntil("it expires", async () => (await r.get("k")) === null);
      }),
    "many at once": () =>
      using(async (r) => {
        const replies = await Promise.all(Array.from({ length: 5000 }, () => r.incr("n")));
        assert.deepEqual(replies, Array.from({ length: 5000 }, (_, index) => index + 1));
      }),
    transactions: () =>
      using(async (r) => {
        assert.deepEqual(await r.multi().set("k", "1").incr("k").get("k").exec(), ["OK", 2, "2"]);
        await r.watch("k");
        await using((other) => other.set("k", "theirs"));
        await assert.rejects(r.multi().set("k", "mine").exec(), /watched/i);
        assert.equal(await r.get("k"), "theirs");
      }),
    pubsub: () =>
      using((publisher) =>
        using(async (r) => {
          const box = mailbox();
          await r.subscribe("ch", (message, channel) => box.put([channel, message]));
          await r.pSubscribe("p*", (message, channel) => box.put([channel, message]));
          await r.sSubscribe("shard", (message, channel) => box.put([channel, message]));
          assert.equal(await publisher.publish("ch", "one"), 1);
          assert.deepEqual(await box.next(), ["ch", "one"]);
          assert.equal(await publisher.publish("pat", "two"), 1);
          assert.deepEqual(await box.next(), ["pat", "two"]);
          assert.equal(await publisher.sPublish("shard", "three"), 1);
          assert.deepEqual(await box.next(), ["shard", "three"]);
          // In RESP3 a subscriber may go on with commands.
          if (protocol === 3) assert.equal(await r.set("k", "v"), "OK");
          await r.unsubscribe("ch");
          assert.equal(await publisher.publish("ch", "lost"), 0);
        }),
      ),
    scan: () =>
      using(async (r) => {
        const keys = Array.from({ length: 500 }, (_, number) => `key:${number}`);
        await r.mSet(keys.map((key) => [key, "1"]));
        const found = new Set();
        for await (const some of r.scanIterator({ MATCH: "key:*", COUNT: 20 })) [some].flat().forEach((key) => found.add(key));
        assert.equal(found.size, keys.length);
      }),
    "names, databases and information": () =>
      using(async (r) => {
        assert.equal(await r.clientGetName(), "worker");
        const info = await r.clientInfo();
        assert.equal(info.db, 3);
        assert.equal((await r.configGet("databases")).databases, "16");
        assert.match(await r.info("server"), /redis_version/);
        assert.equal(await r.commandCount(), topLevel(await r.commandList()).length);
      }, { name: "worker", database: 3 }),
    passwords: () =>
      using(async (r) => {
        await r.configSet("requirepass", "secret");
        try {
          await using((own) => own.ping(), { password: "secret" });
          await using((own) => own.ping(), { username: "default", password: "secret" });
        } finally {
          await r.configSet("requirepass", "");
        }
      }),
  };
};

const loaded = await import(library);
const { reset, ...tests } = library === "ioredis" ? ioredisTests(loaded.Redis) : nodeRedisTests(loaded);
const { version } = JSON.parse(readFileSync(new URL(`./node_modules/${library}/package.json`, import.meta.url)));
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await reset();
    await test();
  } catch (error) {
    failed++;
    console.log(`--- ${name} (${library}, RESP${protocol}) failed\n${error.stack}`);
  }
}
const passed = Object.keys(tests).length - failed;
console.log(`${library} ${version} RESP${protocol}: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
