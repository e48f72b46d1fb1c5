"""The server through redis-py: `redis_py.py PORT PROTOCOL`, the protocol being 2 or 3.

The last line says how many tests passed and failed; the exit code is 1 when any failed.
"""

import sys
import threading
import time
import traceback

import redis

PORT, PROTOCOL = int(sys.argv[1]), int(sys.argv[2])


def connect(**options):
    options.setdefault("decode_responses", True)
    return redis.Redis(port=PORT, protocol=PROTOCOL, **options)


def wait_until(what, condition):
    """Waits for a condition, never for a guessed time."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"still waiting: {what}"
        time.sleep(0.002)


def raises(error, call):
    try:
        call()
    except error as raised:
        return str(raised)
    raise AssertionError(f"{error.__name__} was not raised")


def next_message(pubsub):
    """The next message that is not about a subscription."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        message = pubsub.get_message(ignore_subscribe_messages=True, timeout=1)
        if message is not None:
            return message
    raise AssertionError("no message came")


def test_strings(r):
    assert r.set("k", "v") is True
    assert r.get("k") == "v"
    assert r.get("missing") is None
    assert r.set("k", "w", nx=True) is None
    assert r.set("k", "w", xx=True, get=True) == "v"
    assert r.getset("k", "x") == "w"
    assert r.append("k", "yz") == 3
    assert r.strlen("k") == 3
    assert r.getrange("k", 1, -1) == "yz"
    assert r.setrange("k", 1, "__") == 3
    assert r.getdel("k") == "x__"
    assert r.mset({"a": 1, "b": 2}) is True
    assert r.mget("a", "missing", "b") == ["1", None, "2"]
    assert r.msetnx({"a": 3, "c": 3}) is False
    assert r.setnx("c", "3") is True
    assert r.lcs("a", "c") == ""


def test_numbers(r):
    assert r.incr("n") == 1
    assert r.incrby("n", 41) == 42
    assert r.decrby("n", 2) == 40
    assert r.incrbyfloat("n", 0.5) == 40.5
    r.set("n", 2**63 - 1)
    assert "overflow" in raises(redis.ResponseError, lambda: r.incr("n"))
    r.set("n", "text")
    assert "not an integer" in raises(redis.ResponseError, lambda: r.incr("n"))


def test_bits(r):
    assert r.setbit("bits", 7, 1) == 0
    assert r.getbit("bits", 7) == 1
    assert r.bitcount("bits") == 1
    assert r.bitpos("bits", 1) == 7
    r.set("mask", b"\x0f")
    assert r.bitop("AND", "out", "bits", "mask") == 1
    field = r.bitfield("field", default_overflow="SAT")
    assert field.set("u8", 0, 250).incrby("u8", 0, 100).execute() == [0, 255]


def test_binary(r):
    raw = connect(decode_responses=False)
    everything = bytes(range(256))
    raw.set(everything, everything)
    assert raw.get(everything) == everything
    assert raw.keys() == [everything]
    big = everything * 40_000
    raw.set("big", big)
    assert raw.get("big") == big
    assert raw.getrange("big", 5_000_000, 5_000_255) == big[5_000_000:5_000_256]


def test_expiry(r):
    r.set("k", "v", ex=100)
    assert 99 <= r.ttl("k") <= 100
    assert r.expire("k", 200, gt=True) is True
    assert r.expire("k", 100, gt=True) is False
    assert 100_000 < r.pttl("k") <= 200_000
    assert r.persist("k") is True
    assert r.ttl("k") == -1
    assert r.ttl("missing") == -2
    assert r.expireat("k", 33177117420) is True
    assert r.expiretime("k") == 33177117420
    assert r.getex("k", persist=True) == "v"
    r.set("short", "v", px=20)
    wait_until("it expires", lambda: r.get("short") is None)
    r.psetex("k", 100_000, "v")
    assert r.exists("k", "k", "missing") == 2


def test_keys(r):
    r.mset({"a": 1, "b": 2})
    assert r.type("a") == "string"
    assert r.rename("a", "c") is True
    assert r.renamenx("b", "c") is False
    assert r.copy("c", "d") is True
    assert r.move("d", 1) is True
    assert r.touch("b", "c") == 2
    assert r.unlink("b", "c", "x") == 2
    assert r.object("encoding", "missing") is None
    assert "no such key" in raises(redis.ResponseError, lambda: r.rename("x", "y"))
    assert r.dbsize() == 0
    assert r.swapdb(0, 1) is True
    assert r.randomkey() == "d"


def test_scan(r):
    expected = {f"key:{number}" for number in range(1000)}
    r.mset({key: 1 for key in expected})
    r.set("other", 1)
    assert set(r.scan_iter("key:*", count=50)) == expected
    assert set(r.scan_iter(_type="string")) == expected | {"other"}
    assert list(r.scan_iter(_type="list")) == []
    assert set(r.keys("key:99?")) == {f"key:{number}" for number in range(990, 1000)}


def test_pipelines(r):
    pipe = r.pipeline(transaction=False)
    for number in range(10_000):
        pipe.set(f"k:{number}", number)
        pipe.get(f"k:{number}")
    replies = pipe.execute()
    assert replies[0::2] == [True] * 10_000
    assert replies[1::2] == [str(number) for number in range(10_000)]
    pipe = r.pipeline(transaction=False)
    pipe.set("text", "x").incr("text").get("text")
    replies = pipe.execute(raise_on_error=False)
    assert replies[0] is True and replies[2] == "x"
    assert isinstance(replies[1], redis.ResponseError)


def test_transactions(r):
    assert r.pipeline().incr("n").incr("n").execute() == [1, 2]
    pipe = r.pipeline()
    pipe.set("text", "x").incr("text").incr("n")
    replies = pipe.execute(raise_on_error=False)
    assert isinstance(replies[1], redis.ResponseError) and replies[2] == 3
    pipe = r.pipeline()
    pipe.execute_command("GET")
    assert "wrong number" in raises(redis.ResponseError, pipe.execute)


def test_watch(r):
    pipe = r.pipeline()
    pipe.watch("n")
    connect().set("n", 1)
    pipe.multi()
    pipe.set("n", 100)
    raises(redis.WatchError, pipe.execute)
    assert r.get("n") == "1"

    def add_one(pipe):
        old = int(pipe.get("n"))
        pipe.multi()
        pipe.set("n", old + 1)

    def work():
        own = connect()
        for _ in range(50):
            own.transaction(add_one, "n")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert r.get("n") == "201"


def test_pubsub(r):
    pubsub = r.pubsub()
    pubsub.subscribe("exact", "other")
    pubsub.psubscribe("pat*")
    for _ in range(3):
        assert pubsub.get_message(timeout=30)["type"] in ("subscribe", "psubscribe")
    assert r.publish("exact", "one") == 1
    message = next_message(pubsub)
    assert (message["type"], message["channel"], message["data"]) == ("message", "exact", "one")
    assert r.publish("pattern", "two") == 1
    message = next_message(pubsub)
    assert (message["type"], message["pattern"], message["data"]) == ("pmessage", "pat*", "two")
    assert sorted(r.pubsub_channels()) == ["exact", "other"]
    assert r.pubsub_numpat() == 1
    assert [tuple(pair) for pair in r.pubsub_numsub("exact", "x")] == [("exact", 1), ("x", 0)]
    pubsub.unsubscribe("exact")
    wait_until("it is unsubscribed", lambda: pubsub.get_message(timeout=1) is not None)
    assert r.publish("exact", "lost") == 0
    pubsub.ping()
    pubsub.close()
    wait_until("nobody listens", lambda: r.publish("other", "x") == 0)


def test_sharded_pubsub(r):
    pubsub = r.pubsub()
    pubsub.ssubscribe("shard")
    assert pubsub.get_message(timeout=30)["type"] == "ssubscribe"
    assert r.spublish("shard", "hello") == 1
    message = pubsub.get_message(timeout=30)
    assert (message["type"], message["data"]) == ("smessage", "hello")
    assert r.pubsub_shardchannels() == ["shard"]
    pubsub.close()


def test_keyspace_events(r):
    r.config_set("notify-keyspace-events", "Ex")
    pubsub = r.pubsub()
    pubsub.subscribe("__keyevent@0__:expired")
    assert pubsub.get_message(timeout=30)["type"] == "subscribe"
    r.set("short", "v", px=10)
    assert next_message(pubsub)["data"] == "short"
    r.config_set("notify-keyspace-events", "")
    pubsub.close()


def test_client_commands(r):
    named = connect(client_name="worker")
    assert named.client_getname() == "worker"
    assert named.client_setname("other") is True
    info = named.client_info()
    assert info["name"] == "other" and int(info["resp"]) == PROTOCOL
    assert any(client["name"] == "other" for client in r.client_list())
    assert r.client_kill_filter(_id=named.client_id()) == 1
    # The library connects again by itself, under the name it was given.
    assert named.client_getname() == "worker"
    if r.info("server")["redis_version"] >= "7.2":
        assert info["lib-name"].startswith("redis-py")
    assert r.client_pause(1) is True
    assert r.client_unpause() in (True, "OK", b"OK")


def test_databases(r):
    third = connect(db=3)
    third.set("k", "v")
    assert r.get("k") is None
    assert r.info("keyspace")["db3"]["keys"] == 1
    third.flushdb()


def test_server_commands(r):
    assert r.ping() is True
    assert r.echo("hi") == "hi"
    assert r.config_set("maxmemory", "100mb") is True
    assert r.config_get("maxmemory")["maxmemory"] == "104857600"
    r.config_set("maxmemory", 0)
    assert r.info()["role"] == "master"
    assert r.info("memory")["used_memory"] > 0
    assert abs(r.time()[0] - time.time()) < 60
    assert r.role()[0] in ("master", b"master")
    r.config_set("slowlog-log-slower-than", 0)
    r.set("k", "v")
    r.config_set("slowlog-log-slower-than", 10_000)
    assert r.slowlog_len() > 0
    assert r.slowlog_get(1)[0]["duration"] >= 0
    assert r.slowlog_reset() is True
    assert r.command_count() == sum("|" not in name for name in r.command_list())
    assert "get" in r.command()
    assert r.command_getkeys("MSET", "a", 1, "b", 2) == ["a", "b"]
    assert r.memory_usage("k") > 0
    assert r.memory_stats()["keys.count"] == 1
    assert r.latency_latest() == []
    assert "unknown command" in raises(redis.ResponseError, lambda: r.execute_command("NOSUCH"))


def test_password(r):
    r.config_set("requirepass", "secret")
    raises(redis.AuthenticationError, connect().ping)
    raises(redis.AuthenticationError, connect(password="wrong").ping)
    own = connect(password="secret")
    assert own.ping() is True
    assert connect(username="default", password="secret").ping() is True
    own.config_set("requirepass", "")
    assert connect().ping() is True


def test_monitor(r):
    with r.monitor() as monitor:
        connect().set("k", "a b")
        while True:
            command = monitor.next_command()
            if command["command"].startswith("SET"):
                break
        assert command["command"] == "SET k a b"
        assert command["db"] == 0


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    failed = 0
    for name, test in tests:
        r = connect()
        try:
            r.flushall()
            test(r)
        except Exception:
            failed += 1
            print(f"--- {name} (RESP{PROTOCOL}) failed\n{traceback.format_exc()}")
        finally:
            r.close()
    print(f"redis-py {redis.__version__} RESP{PROTOCOL}: {len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
