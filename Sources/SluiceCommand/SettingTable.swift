import ArgumentParser
import Logging
import StreamRuntime

/// One setting: its name, how it is written, what it is when nobody sets it, and what it is for.
struct Setting<Value: Sendable>: Sendable {
    /// The name in the configuration file, and behind `--` on the command line.
    let key: String
    let form: SettingForm<Value>
    /// As the help writes it.
    let initialText: String
    let initialValue: Value?
    let summary: String

    /// - Parameter initial: read by the form itself, so that the help tells the truth; `described` for one that has no spelling.
    init(
        _ key: String, _ form: SettingForm<Value>, initial: String, described: String? = nil, _ summary: String
    ) {
        self.key = key
        self.form = form
        initialText = described ?? initial
        initialValue = form.parse(initial)
        self.summary = summary
    }

    /// `SLUICE_MAX_STREAMS` for `max-streams`.
    var variable: String { SettingTable.variable(of: key) }

    var help: ArgumentHelp {
        ArgumentHelp("\(summary) (default: \(initialText))", valueName: form.placeholder)
    }
}

enum LogFormat: String, Sendable, CaseIterable {
    case text, json
}

/// Every setting of `sluice serve`, with its range and its default: the one place that knows them.
enum SettingTable {
    static let plugins = Setting(
        "plugins", .path, initial: "", described: "none", "The directory of plugins; the same as DIR.")
    static let listen = Setting(
        "listen", .address, initial: "127.0.0.1:8080",
        "Where to listen: an address or name and a port; port 0 is any free one, which is printed.")
    static let loops = Setting(
        "loops", .count(1...255), initial: "", described: "one per core", "Threads that streams run on.")
    static let insecurePlugins = Setting(
        "insecure-plugins", .flag, initial: "false",
        "Take plugins and the configuration although others could change them; in the configuration itself: plugins only."
    )

    static let control = Setting(
        "control", .socketPath, initial: "",
        described: "one for each directory of plugins, in $XDG_RUNTIME_DIR/sluice or /tmp/sluice-UID",
        "The control socket, for 'sluice reload' and 'sluice status'; none: there is none.")
    static let watch = Setting(
        "watch", .flag, initial: "false", "Reload by itself when a plugin has changed and come to rest.")

    static let probeDeadline = Setting(
        "probe-deadline", .time(.milliseconds(100)...(.seconds(600))), initial: "5s",
        "How long a plugin may take to be loaded in its probe.")
    static let probeMemory = Setting(
        "probe-memory", .bytes((16 << 20)...(1 << 40)), initial: "1G", "What a plugin may allocate in its probe.")

    static let trialFailures = Setting(
        "trial-failures", .count(0...1_000_000), initial: "3",
        "A new generation is taken back when so many of its streams fail and none has succeeded; 0: never.")
    static let trialPeriod = Setting(
        "trial-period", .time(.milliseconds(10)...(.seconds(3600)), zero: "no trial"), initial: "10s",
        "For how long after a reload it may be taken back; until then the old generation is kept ready. 0: not at all.")

    static let logLevel = Setting<Logger.Level>(
        "log-level", .oneOf(placeholder: "level"), initial: "info", "The least important lines that are still logged.")
    static let logFormat = Setting<LogFormat>(
        "log-format", .oneOf(placeholder: "format"), initial: "text", "How lines are written to standard error.")

    static let maxConnections = Setting(
        "max-connections", .count(1...10_000_000), initial: "4096",
        "Connections at a time that are no streams; for a further one, that which waited longest for its client is closed."
    )
    static let maxStreams = Setting("max-streams", .count(1...10_000_000), initial: "100000", "Open streams at a time.")
    static let maxStreamsPerProducer = Setting(
        "max-streams-per-producer", .count(1...10_000_000), initial: "100000", "Open streams of one producer at a time."
    )
    static let maxThreads = Setting(
        "max-threads", .count(1...32_768), initial: "256",
        "Open streams of blocking producers at a time: each has a thread.")
    static let stackSize = Setting(
        "stack-size", .bytes((256 << 10)...(1 << 30)), initial: "8M",
        "The stack of such a thread: address space, which takes memory as far as it is used.")
    static let maxScheduledCalls = Setting(
        "max-scheduled-calls", .count(1...65_535), initial: "10000",
        "Calls of one stream that plugins have scheduled and that have not run.")
    static let maxEventBytes = Setting(
        "max-event-bytes", .bytes(64...(64 << 20)), initial: "1M", "The size of one event.")
    static let maxBodyBytes = Setting(
        "max-body-bytes", .bytes(0...(64 << 20)), initial: "1M", "The size of a request's body.")
    static let maxArrivingBytes = Setting(
        "max-arriving-bytes", .bytes((64 << 10)...(1 << 40)), initial: "64M",
        "What the bodies of requests take together that have not arrived in full.")
    static let maxKeptRequestBytes = Setting(
        "max-kept-request-bytes", .bytes((1 << 20)...(1 << 40)), initial: "256M",
        "The requests of resumable streams, headers and bodies, which are kept for a reload.")
    static let minBodyRate = Setting(
        "min-body-rate", .bytes(0...(1 << 30)), initial: "240",
        "Bytes a second that a request's body brings on average, at least, after body-grace, its longest pause not counted; 0: any."
    )
    static let maxHubsPerProducer = Setting(
        "max-hubs-per-producer", .count(1...1_000_000), initial: "1000",
        "Shared streams of one producer at a time, each with its own parameters; one that lingers unused makes room.")
    static let handoffBytes = Setting(
        "handoff-bytes", .bytes(4096...(64 << 20)), initial: "64k",
        "Events of one stream that wait between a thread and the stream's loop.")

    static let keepAlive = Setting(
        "keep-alive", .time(.milliseconds(10)...(.seconds(3600))), initial: "15s",
        "A comment is sent after so much silence.")
    static let writeDeadline = Setting(
        "write-deadline", .time(.milliseconds(10)...(.seconds(3600))), initial: "30s",
        "A subscriber that reads nothing for so long is dropped.")
    static let maxAge = Setting(
        "max-age", .time(.milliseconds(10)...(.seconds(365 * 86400)), zero: "never"), initial: "0",
        "A stream ends at this age; 0: never.")
    static let retry = Setting(
        "retry", .time(.milliseconds(1)...(.seconds(600)), zero: "at once"), initial: "2s",
        "The time after which subscribers are told to reconnect, jittered.")
    static let stallLimit = Setting(
        "stall-limit", .time(.milliseconds(1)...(.seconds(10))), initial: "50ms",
        "A call of a non-blocking producer that takes longer is logged; three within 10 s, and its streams get threads for a while."
    )
    static let callDeadline = Setting(
        "call-deadline", .time(.milliseconds(100)...(.seconds(600))), initial: "1s",
        "A call of a non-blocking producer that has not returned by then is named, and its loop goes on without it.")
    static let drainDeadline = Setting(
        "drain-deadline", .time(.milliseconds(10)...(.seconds(3600)), zero: "at once"), initial: "30s",
        "How long streams of old code may go on after a reload.")
    static let shutdownDeadline = Setting(
        "shutdown-deadline", .time(.milliseconds(10)...(.seconds(3600)), zero: "at once"), initial: "4s",
        "How long streams may take to end after SIGTERM; the whole end takes at most 4 s more.")
    static let historyEvents = Setting(
        "history-events", .count(1...1_000_000), initial: "1024",
        "Events that a shared stream holds for returning subscribers.")
    static let historyBytes = Setting(
        "history-bytes", .bytes(0...(1 << 30)), initial: "1M", "The most that these events may take.")
    static let linger = Setting(
        "linger", .timeOrForever(.seconds(365 * 86400)), initial: "5s",
        "How long a shared stream stays open without subscribers.")
    static let slowPolicy = Setting<HubSettings.SlowPolicy>(
        "slow-policy", .oneOf(placeholder: "policy"), initial: "disconnect",
        "What becomes of a subscriber whose next event a shared stream no longer holds.")
    static let anchor = Setting(
        "anchor", .choice, initial: "true",
        "Whether a shared stream begins with an event sluice-open, from whose id a subscriber resumes that is cut off before its first event."
    )

    static let headTimeout = Setting(
        "head-timeout", .time(.milliseconds(10)...(.seconds(600))), initial: "10s",
        "How long a request line and its headers may take.")
    static let bodyTimeout = Setting(
        "body-timeout", .time(.milliseconds(10)...(.seconds(600))), initial: "30s",
        "How long a request's body may pause, wherever in it that is.")
    static let bodyGrace = Setting(
        "body-grace", .time(.milliseconds(10)...(.seconds(3600)), zero: "none"), initial: "10s",
        "How long a request's body may come more slowly than min-body-rate, its longest pause not counted.")
    static let idleTimeout = Setting(
        "idle-timeout", .time(.milliseconds(10)...(.seconds(3600))), initial: "60s",
        "How long a connection may be without a request.")

    /// What the configuration file may say, beside `producers`.
    static let keys: [String] =
        [
            plugins.key, listen.key, loops.key, insecurePlugins.key, control.key, watch.key, logLevel.key,
            logFormat.key, maxConnections.key,
            maxStreams.key, maxStreamsPerProducer.key, maxThreads.key, stackSize.key, maxScheduledCalls.key,
            maxEventBytes.key, maxBodyBytes.key, maxArrivingBytes.key,
            maxHubsPerProducer.key, maxKeptRequestBytes.key, handoffBytes.key, keepAlive.key, writeDeadline.key,
            maxAge.key, retry.key,
            stallLimit.key, callDeadline.key, drainDeadline.key, shutdownDeadline.key,
            headTimeout.key, bodyTimeout.key, bodyGrace.key, minBodyRate.key, idleTimeout.key, probeDeadline.key,
            probeMemory.key,
            trialFailures.key, trialPeriod.key,
        ] + hubKeys

    /// Those of shared streams, which the section `hubs` may set for each producer.
    static let hubKeys: [String] = [
        historyEvents.key, historyBytes.key, linger.key, slowPolicy.key, anchor.key,
    ]

    static func variable(of key: String) -> String {
        "SLUICE_" + key.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }
}
