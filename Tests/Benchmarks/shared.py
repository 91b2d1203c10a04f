#!/usr/bin/env python3
"""Measures shared streams beside the floor and nchan; started by `run`, which builds what this needs.

  shared.py --bench DIR --out DIR [--rounds N] [--only fan-1k,lat-1k,…] [--noise CORES]

Prints one table: a line for each figure, a column for each server, medians of interleaved rounds, and beside each median the
ratio to the floor's.
"""
import argparse, fcntl, json, os, resource, signal, statistics, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--bench", required=True, help="a copy of the bench folder, built")
parser.add_argument("--out", required=True, help="where the server, its plugins and `visit` are; results go there too")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--only", help="these figures alone, with commas")
parser.add_argument("--servers", default="floor,sluice,nchan")
parser.add_argument("--noise", type=float, default=0.25, help="a run is repeated, twice at most, if others used more cores than this")
parser.add_argument("--server-core", type=int, default=0)
parser.add_argument("--load-core", type=int, default=1)
options = parser.parse_args()
sys.path.insert(0, options.bench)
import run as bench  # noqa: E402: the bench folder's own runner

OUT = os.path.abspath(options.out)


def fan(connections, size=120, seconds=3, **more):
    return dict(kind="fanout", conns=connections, interval_us=0, settle=1, dur=seconds, size=size, **more)


PER_CORE = ("deliveries per core-second", lambda r: r["server"]["events_per_cpu_s"])
FIGURES = {
    "fan-100": (fan(100), [PER_CORE]),
    "fan-1k": (fan(1000), [PER_CORE]),
    "fan-10k": (fan(10000, seconds=4), [PER_CORE]),
    "fan-100-4k": (fan(100, 4096), [PER_CORE]),
    "fan-1k-4k": (fan(1000, 4096), [PER_CORE]),
    "fan-10k-4k": (fan(10000, 4096, seconds=4), [PER_CORE]),
    "slow-1k": (fan(1000, stall=100), [PER_CORE, ("lost by those that read", lambda r: r["lost"])]),
    "lat-1k": (
        dict(kind="fanout", conns=1000, interval_us=100000, settle=1.5, dur=4, paced=True),
        [("p50 µs", lambda r: r["lat_us"]["p50"]), ("p99 µs", lambda r: r["lat_us"]["p99"])],
    ),
    "idle-10k": (
        dict(kind="idle", conns=10000, interval_us=-1, settle=3, dur=1),
        [("process bytes a subscriber", lambda r: r["server"]["pss_per_conn"])],
    ),
    # By `visit`, which comes and goes.
    "joins": (
        ["churn", "--path", "{path}", "--count", "10000", "--in-flight", "64"],
        [("joins per second", lambda r: r["visits_per_s"]), ("server CPU µs a join", lambda r: r["cpu_us_per_visit"])],
    ),
    "churn": (
        ["churn", "--path", "{path}", "--count", "20000", "--rate", "10000", "--stay-ms", "50", "--readers", "5"],
        [
            ("longest delay of a delivery, ms", lambda r: r["delay_max_us"] / 1000),
            ("p99 of the delays, ms", lambda r: r["delay_p99_us"] / 1000),
            ("events lost by those that stay", lambda r: r["lost"]),
            ("joins per second", lambda r: r["visits_per_s"]),
            ("KiB more memory afterwards", lambda r: r["grown_kib"]),
            ("descriptors more afterwards", lambda r: r["descriptors"]),
        ],
    ),
    "replay": (
        ["replay", "--path", "/replay?history=all", "--events", "10000", "--count", "200", "--in-flight", "8"],
        [("events per core-second", lambda r: r["events_per_cpu_s"]), ("MB per core-second", lambda r: r["mb_per_cpu_s"])],
    ),
}

SLUICE = [OUT + "/sluice", "serve", OUT + "/plugins", "--listen", "127.0.0.1:{port}", "--log-level", "warning", "--loops", "1"]
# The histories that the figures need; a ring that nobody asks for costs nothing.
SLUICE += ["--history-events", "16384", "--history-bytes", "64M"]


def servers():
    known = json.load(open(os.path.join(options.bench, "servers.json")))
    all = {
        "floor": dict(known["epollcast"], path="/events"),
        "sluice": {
            "cmd": SLUICE,
            "feeder": ["curl", "-s", "http://127.0.0.1:{port}/start?interval_us={interval_us}"],
            "urls": {"idle": "/events?size={size}", "fanout": "/events?size={size}"},
            "path": "/events",
        },
        "nchan": dict(known["nchan"], path="/events"),
    }
    all["floor"]["cmd"] = all["floor"]["cmd"] + ["--data-bytes", "{size}"]
    all["nchan"]["feeder"] = all["nchan"]["feeder"] + ["--data-bytes", "{size}"]
    found = subprocess.run(["sh", "-c", "PATH=$PATH:/usr/sbin command -v nginx"], capture_output=True).returncode == 0
    wanted = options.servers.split(",")
    if not found and "nchan" in wanted:
        print("nginx is not installed (apt: nginx-light libnginx-mod-nchan): the column of nchan is left out", file=sys.stderr)
        wanted.remove("nchan")
    return {name: all[name] for name in wanted}


def process(pid):
    """KiB of anonymous memory, and open descriptors."""
    with open(f"/proc/{pid}/status") as status:
        memory = next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
    return memory, len(os.listdir(f"/proc/{pid}/fd"))


def visit(name, server, arguments, port):
    """Starts the server, and has `visit` come and go."""
    if name != "sluice" and arguments[0] != "churn":
        return None
    is_churn = "--rate" in arguments
    if name != "sluice" and is_churn:
        return None
    words = dict(build=bench.BUILD, here=bench.HERE, port=port, size=120, interval_us=-1, start_at=1, path=server["path"])
    command = [word.format(**words) for word in server["cmd"]]
    log = open(os.path.join(OUT, "server.log"), "ab")
    # Those who stay share the machine with 10,000 who come each second: on one core they would wait for the processor.
    cores = f"{options.server_core},{options.load_core}" if is_churn else options.server_core
    started = bench.spawn(command, cores, stdout=log, stderr=log)
    load = None
    try:
        if not bench.wait_port(port):
            return dict(error="the server did not open its port")
        time.sleep(0.5)
        pid = bench.tree(started.pid)[-1] if name == "nchan" else started.pid
        if is_churn:
            subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}/start?interval_us=10000"], check=True)
        command = [word.format(**words) for word in arguments] + ["--port", str(port), "--pid", str(pid)]
        if is_churn:
            # What the tables have grown to is no leak: they are grown before.
            subprocess.run([OUT + "/visit"] + command, check=True, capture_output=True)
            time.sleep(3)
        before, idle = process(pid), os.times()
        busy = busy_seconds()
        load = bench.spawn([OUT + "/visit"] + command, options.load_core, stdout=subprocess.PIPE)
        result = json.loads(load.communicate(timeout=180)[0])
        own = os.times().children_user + os.times().children_system - idle.children_user - idle.children_system
        result["noise"] = (busy_seconds() - busy - own) / result["seconds"] - result["cpu_share"]
        time.sleep(3)
        after = process(pid)
        result["grown_kib"], result["descriptors"] = after[0] - before[0], after[1] - before[1]
        return result
    finally:
        bench.stop(load)
        bench.stop(started)


def busy_seconds():
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / os.sysconf("SC_CLK_TCK")


def measure(figure, name, server, port):
    what = FIGURES[figure][0]
    if isinstance(what, list):
        return visit(name, server, what, port)
    server = dict(server)
    if "stall" in what:
        server["load_args"] = server.get("load_args", []) + ["--stall", str(what["stall"])]
    server = dict(server, **{key: [word.replace("{size}", str(what.get("size", 120))) for word in server[key]]
                             for key in ("cmd", "feeder") if key in server})
    server["urls"] = {kind: url.replace("{size}", str(what.get("size", 120))) for kind, url in server["urls"].items()}
    result = bench.one(name, server, figure, what, port, options)
    if "host" in result:
        result["noise"] = result["host"]["foreign_s"] / result["window_s"]
    return result


def number(value):
    if value >= 1e6:
        return f"{value / 1e6:.2f}M"
    if value >= 1e4:
        return f"{value / 1e3:.0f}k"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(results, names):
    print("| figure | unit | " + " | ".join(names) + " | noise, cores |")
    print("|---|---|" + "---|" * (len(names) + 1))
    for figure, (_, columns) in FIGURES.items():
        rows = [row for row in results if row["figure"] == figure]
        if not rows:
            continue
        for unit, value in columns:
            cells, floor = [], None
            for name in names:
                values = [value(row) for row in rows if row["server_name"] == name and "error" not in row]
                if not values:
                    cells.append("–")
                    continue
                median = statistics.median(values)
                floor = median if name == "floor" else floor
                ratio = f" ({median / floor:.2f})" if floor and name != "floor" else ""
                spread = f" [{number(min(values))}…{number(max(values))}]" if len(values) > 1 else ""
                cells.append(number(median) + ratio + spread)
            noise = max((row.get("noise", 0) for row in rows), default=0)
            print(f"| `{figure}` | {unit} | " + " | ".join(cells) + f" | {noise:.2f} |")


def main():
    lock = open(os.path.join(tempfile.gettempdir(), "sse-bench.lock"), "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    options.syscalls = False
    chosen = options.only.split(",") if options.only else list(FIGURES)
    for figure in chosen:
        if figure not in FIGURES:
            sys.exit(f"run: there is no figure {figure}; there are {', '.join(FIGURES)}")
    known, results, count = servers(), [], 0
    path = os.path.join(OUT, time.strftime("shared-%Y%m%d-%H%M%S.jsonl"))
    with open(path, "w") as file:
        for figure in chosen:
            for turn in range(options.rounds):
                for name, server in known.items():
                    for attempt in range(3):
                        count += 1
                        try:
                            result = measure(figure, name, server, 9400 + count % 60 * 20)
                        except Exception as error:  # a server that falls over is a result, too
                            result = dict(error=f"{type(error).__name__}: {error}"[:200])
                        if result is None or "error" in result or result.get("noise", 0) <= options.noise:
                            break
                    if result is None:
                        continue
                    result.update(server_name=name, figure=figure, round=turn)
                    results.append(result)
                    file.write(json.dumps(result) + "\n")
                    file.flush()
                    values = [f"{unit} {number(value(result))}" for unit, value in FIGURES[figure][1]] if "error" not in result else [result["error"]]
                    print(f"{figure} {turn} {name}: {', '.join(values)} (noise {result.get('noise', 0):.2f})", file=sys.stderr)
    table(results, list(known))
    print(f"\nresults: {path}")


main()
