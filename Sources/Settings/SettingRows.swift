package enum LogLevel: String, Sendable, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
}

package enum LogFormat: String, Sendable, CaseIterable {
    case text, json
}

/// What happens to a subscriber whose next event is no longer in a shared stream's history.
package enum SlowPolicy: String, Sendable, CaseIterable {
    case disconnect, skip
}

/// Which responses get a line in the log.
package enum AccessLogging: String, Sendable, CaseIterable {
    case errors, all, none
}

/// Whether clients need a token.
package enum TokenPolicy: String, Sendable, CaseIterable {
    /// Where there are keys or tokens.
    case auto
    case required
    /// A client without a token may ask, too, but not one whose token is not valid.
    case optional
    case none
}

/// The headers in which trusted proxies name the client.
package enum ForwardingHeaders: String, Sendable, CaseIterable {
    case xForwarded = "x-forwarded"
    case forwarded
}

/// Every setting of the server, one property each. A new setting needs a row here and the code that uses it; the rest
/// is derived.
///
/// A value is read by the row's own name: `settings.maxStreams`.
package struct SettingRows: Sendable {
    package static let server = SettingRows()

    /// The rows, in the order of their properties.
    package var all: [any SettingRow] { Mirror(reflecting: self).children.compactMap { $0.value as? any SettingRow } }

    // MARK: The server

    package let plugins = Setting(
        "plugins", .path, initialValue: "", described: "none", in: .general, needsRestart: true,
        "The directory of plugins; the same as DIR.")
    package let listen = Setting(
        "listen", .list(of: .address, none: nil), initial: "127.0.0.1:8080", in: .general, needsRestart: true,
        """
        Where to listen; can be repeated. HOST:PORT (port 0: any free port, which is printed), :PORT for all addresses, \
        unix:PATH for a socket in the file system, or systemd for the sockets that it has opened.
        """)
    /// 0: one per core.
    package let loops = Setting(
        "loops", .count(1...255), initialValue: 0, described: "one per core", in: .general, needsRestart: true,
        "Number of threads that run event loops.")
    package let insecurePlugins = Setting(
        "insecure-plugins", .flag, initial: "false", in: .general,
        "Accept plugins and a configuration file that others can change; set in that file, it applies to plugins only.")
    /// Empty: the standard path for the directory of plugins.
    package let control = Setting(
        "control", .socketPath, initialValue: "",
        described:
            "one for each directory of plugins, in $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/sluice or /tmp/sluice-UID",
        in: .general,
        needsRestart: true, "The control socket for 'sluice reload' and 'sluice status'; 'none' disables it.")
    package let admin = Setting(
        "admin", .addressOrNone, initial: "none", in: .general, needsRestart: true,
        "Address and port for /health/live, /health/ready, /metrics and /status, which are for operators only.")
    package let healthPath = Setting(
        "health-path", .pathOrNone, initial: "none", in: .general, needsRestart: true,
        "A path such as /healthz, below base-path, that answers 200 or 503, as /health/ready does, on the public listeners."
    )
    package let watch = Setting(
        "watch", .flag, initial: "false", in: .general, needsRestart: true,
        "Reload automatically when a plugin has changed and is no longer being written.")

    // MARK: Access

    package let hosts = Setting(
        "hosts", .list(of: .hostName), initial: "", in: .access, perListener: true,
        """
        Names of this server that a request may have in its Host header on a loopback address, besides the loopback \
        names; any other is refused. '*': any name.
        """)
    package let corsOrigins = Setting(
        "cors-origins", .list(of: .origin), initial: "", in: .access, perProducer: "access", perListener: true,
        """
        Origins whose pages may read streams: https://app.example.com, https://*.example.com, '*' for any, 'local' for \
        those of this machine.
        """)
    package let corsCredentials = Setting(
        "cors-credentials", .flag, initial: "false", in: .access, perProducer: "access", perListener: true,
        "Whether these pages may send cookies.")
    package let corsExposedHeaders = Setting(
        "cors-exposed-headers", .list(of: .headerName), initial: "", in: .access, perProducer: "access",
        perListener: true, "Headers of responses that these pages may read.")
    package let corsMaxAge = Setting(
        "cors-max-age", .time(.seconds(1)...(.seconds(86400)), zero: "never"), initial: "10m", in: .access,
        perProducer: "access", perListener: true, "How long a browser may remember what a preflight request allowed.")

    package let auth = Setting<TokenPolicy>(
        "auth", .oneOf(placeholder: "clients"), initial: "auto", in: .access, perProducer: "access",
        "Whether clients need a token: auto (if there are keys or tokens), required, optional or none.")
    package let authKeys = Setting(
        "auth-keys", .list(of: .keySource, none: nil), initialValue: [], described: "none", in: .access,
        perProducer: "access",
        """
        Keys with which JSON Web Tokens are signed: files with a JSON Web Key (Set) or PEM, or env:NAME; each can be \
        followed by 'kid=ID' and 'alg=NAME'. With 'alg=HS256', for example, it is a secret. A reload reads them again.
        """)
    package let authIssuers = Setting(
        "auth-issuers", .list(of: .plainText("issuer")), initial: "", in: .access, perProducer: "access",
        "Accepted issuers (iss) of these tokens.")
    package let authAudiences = Setting(
        "auth-audiences", .list(of: .plainText("audience")), initial: "", in: .access, perProducer: "access",
        "Names of this server, of which these tokens must have one (aud); without any, they must have none.")
    package let authLeeway = Setting(
        "auth-leeway", .time(.milliseconds(1)...(.seconds(600)), zero: "none"), initial: "5s", in: .access,
        perProducer: "access", "How far the clocks of issuers may differ from this one (nbf, exp).")
    package let authTokens = Setting(
        "auth-tokens", .filePath, initialValue: "", described: "none", in: .access, perProducer: "access",
        "A file with static tokens: lines with the SHA-256 of a token, its holder, and perhaps words for its scope.")
    package let authCookie = Setting(
        "auth-cookie", .cookieName, initial: "", in: .access, perProducer: "access",
        "A cookie that can have the token, for EventSource.")
    package let authQuery = Setting(
        "auth-query", .queryName, initial: "", in: .access, perProducer: "access",
        "A query parameter that can have the token. It is seen by proxies and kept in histories, so prefer a cookie.")
    package let require = Setting(
        "require", .pairs(of: .claimPattern), initial: "", in: .access, perProducer: "access",
        """
        What a token must claim: sub={user}, where {user} is a parameter of the request. Repeat a claim for \
        alternatives.
        """)

    package let trustedProxies = Setting(
        "trusted-proxies", .list(of: .proxy), initial: "", in: .access,
        """
        Proxies that may name the client: addresses, blocks such as 10.0.0.0/8, or unix for those that connect through \
        a socket in the file system.
        """)
    package let forwardedHeaders = Setting<ForwardingHeaders>(
        "forwarded-headers", .oneOf(placeholder: "headers"), initial: "x-forwarded", in: .access,
        "Headers in which these proxies name the client: x-forwarded (X-Forwarded-For, -Host and -Proto) or forwarded.")
    package let basePath = Setting(
        "base-path", .basePath, initial: "", in: .access, needsRestart: true,
        "The path below which all routes are, such as /events.")

    // MARK: Loading plugins

    package let probeDeadline = Setting(
        "probe-deadline", .time(.milliseconds(100)...(.seconds(600))), initial: "5s", in: .probe,
        "How long a plugin may take to load in its probe.")
    package let probeMemory = Setting(
        "probe-memory", .bytes((16 << 20)...(1 << 40)), initial: "1G", in: .probe,
        "How much memory a plugin may allocate in its probe.")

    package let trialFailures = Setting(
        "trial-failures", .count(0...1_000_000), initial: "3", in: .trial,
        "A new generation is rolled back when this many of its streams fail and none has succeeded; 0: never.")
    package let trialPeriod = Setting(
        "trial-period", .time(.milliseconds(10)...(.seconds(3600)), zero: "no trial"), initial: "10s", in: .trial,
        "How long after a reload it can be rolled back; the old generation is kept ready until then. 0: never.")

    // MARK: The log

    package let logLevel = Setting<LogLevel>(
        "log-level", .oneOf(placeholder: "level"), initial: "info", in: .log,
        "The lowest level that is logged.")
    package let logFormat = Setting<LogFormat>(
        "log-format", .oneOf(placeholder: "format"), initial: "text", in: .log, needsRestart: true,
        "The format of the log on standard error.")

    package let accessLog = Setting<AccessLogging>(
        "access-log", .oneOf(placeholder: "responses"), initial: "errors", in: .log,
        "Responses that get a line in the log, at level info: errors (status 400 and above), all, or none.")

    // MARK: Limits

    package let maxConnections = Setting(
        "max-connections", .count(1...10_000_000), initial: "4096", in: .limits,
        "Concurrent connections that are not streams; a new one replaces the one that has waited longest for its client."
    )
    /// 0: half of `max-connections`.
    package let maxPendingOpensPerProducer = Setting(
        "max-pending-opens-per-producer", .count(1...10_000_000), initialValue: 0,
        described: "half of max-connections", in: .limits,
        "Concurrent requests that wait for one producer to open a stream; the rest is kept for other producers.")
    package let maxStreams = Setting(
        "max-streams", .count(1...10_000_000), initial: "100000", in: .limits, "Concurrent streams.")
    package let maxStreamsPerProducer = Setting(
        "max-streams-per-producer", .count(1...10_000_000), initial: "100000", in: .limits,
        "Concurrent streams of one producer.")
    package let maxStreamsPerAddress = Setting(
        "max-streams-per-address", .count(0...10_000_000), initial: "0", in: .limits,
        "Concurrent streams of one client's address; an IPv6 client is its /64. 0: unlimited.")
    package let maxStreamsPerIdentity = Setting(
        "max-streams-per-identity", .count(0...10_000_000), initial: "0", in: .limits,
        "Concurrent streams of one client's identity, the subject of its token. 0: unlimited.")
    package let maxOpensPerAddress = Setting(
        "max-opens-per-address", .count(0...1_000_000), initial: "0", in: .limits,
        "Streams that one client's address may open per second. 0: unlimited.")
    package let maxOpensPerIdentity = Setting(
        "max-opens-per-identity", .count(0...1_000_000), initial: "0", in: .limits,
        "Streams that one client's identity may open per second. 0: unlimited.")
    package let maxThreads = Setting(
        "max-threads", .count(1...32_768), initial: "256", in: .limits,
        "Concurrent streams of blocking producers; each has a thread.")
    package let stackSize = Setting(
        "stack-size", .bytes((256 << 10)...(1 << 30)), initial: "8M", in: .limits,
        "Stack size of such a thread: address space, which takes memory only when used.")
    package let maxScheduledCalls = Setting(
        "max-scheduled-calls", .count(1...65_535), initial: "10000", in: .limits,
        "Scheduled calls of one stream that have not run yet.")
    package let maxEventBytes = Setting(
        "max-event-bytes", .bytes(64...(64 << 20)), initial: "1M", in: .limits, "Maximum size of one event.")
    package let maxBodyBytes = Setting(
        "max-body-bytes", .bytes(0...(64 << 20)), initial: "1M", in: .limits, "Maximum size of a request body.")
    package let maxArrivingBytes = Setting(
        "max-arriving-bytes", .bytes((64 << 10)...(1 << 40)), initial: "64M", in: .limits,
        "Maximum total size of the request bodies that are arriving.")
    package let minBodyRate = Setting(
        "min-body-rate", .bytes(0...(1 << 30)), initial: "240", in: .limits,
        """
        Bytes per second at which a request body must arrive on average once body-grace is over, not counting its \
        longest pause; 0: any.
        """)
    package let maxHubsPerProducer = Setting(
        "max-hubs-per-producer", .count(1...1_000_000), initial: "1000", in: .limits,
        "Concurrent shared streams of one producer, each with its own parameters; one that lingers unused makes room.")
    package let maxKeptRequestBytes = Setting(
        "max-kept-request-bytes", .bytes((1 << 20)...(1 << 40)), initial: "256M", in: .limits,
        "Maximum total size of the requests of resumable streams, headers and bodies, which are kept for a reload.")
    package let handoffBytes = Setting(
        "handoff-bytes", .bytes(4096...(64 << 20)), initial: "64k", in: .limits,
        "Maximum size of one stream's events that wait between a thread and the stream's loop.")

    // MARK: Shared streams

    package let historyEvents = Setting(
        "history-events", .count(1...1_000_000), initial: "1024", in: .sharedStreams, perProducer: "hubs",
        "Events that a shared stream keeps for subscribers that reconnect.")
    package let historyBytes = Setting(
        "history-bytes", .bytes(0...(1 << 30)), initial: "1M", in: .sharedStreams, perProducer: "hubs",
        "Maximum total size of these events.")
    package let linger = Setting(
        "linger", .timeOrForever(.seconds(365 * 86400)), initial: "5s", in: .sharedStreams, perProducer: "hubs",
        "How long a shared stream stays open without subscribers.")
    package let slowPolicy = Setting<SlowPolicy>(
        "slow-policy", .oneOf(placeholder: "policy"), initial: "disconnect", in: .sharedStreams, perProducer: "hubs",
        "What happens to a subscriber whose next event is no longer in the history of its shared stream.")
    package let anchor = Setting(
        "anchor", .choice, initial: "true", in: .sharedStreams, perProducer: "hubs",
        """
        Whether a shared stream begins with an event sluice-open, so that a subscriber that is disconnected before its \
        first event can resume from that ID.
        """)

    // MARK: Times

    package let keepAlive = Setting(
        "keep-alive", .time(.milliseconds(10)...(.seconds(3600))), initial: "15s", in: .times,
        "Send a comment after this much silence.")
    package let writeDeadline = Setting(
        "write-deadline", .time(.milliseconds(10)...(.seconds(3600))), initial: "30s", in: .times,
        "A subscriber that reads nothing for this long is disconnected.")
    package let maxAge = Setting(
        "max-age", .time(.milliseconds(10)...(.seconds(365 * 86400)), zero: "never"), initial: "0", in: .times,
        "Maximum age of a stream; 0: unlimited.")
    package let retry = Setting(
        "retry", .time(.milliseconds(1)...(.seconds(600)), zero: "at once"), initial: "2s", in: .times,
        "How long subscribers are told to wait before they reconnect; each gets a random variation.")
    package let stallLimit = Setting(
        "stall-limit", .time(.milliseconds(1)...(.seconds(10))), initial: "50ms", in: .times,
        """
        A call of a non-blocking producer that takes longer is logged; after three within 10 s, its streams run on \
        threads for a while.
        """)
    package let callDeadline = Setting(
        "call-deadline", .time(.milliseconds(100)...(.seconds(600))), initial: "1s", in: .times,
        "A call of a non-blocking producer that takes longer is reported, and its loop continues without it.")
    package let drainDeadline = Setting(
        "drain-deadline", .time(.milliseconds(10)...(.seconds(3600)), zero: "at once"), initial: "30s", in: .times,
        "How long streams may continue in old code after a reload.")
    package let shutdownDeadline = Setting(
        "shutdown-deadline", .time(.milliseconds(10)...(.seconds(3600)), zero: "at once"), initial: "4s", in: .times,
        "How long streams may take to end after SIGTERM; the process then ends within 4 s.")
    package let headTimeout = Setting(
        "head-timeout", .time(.milliseconds(10)...(.seconds(600))), initial: "10s", in: .times,
        "How long a request line and its headers may take to arrive.")
    package let bodyTimeout = Setting(
        "body-timeout", .time(.milliseconds(10)...(.seconds(600))), initial: "30s", in: .times,
        "The longest pause within a request body.")
    package let bodyGrace = Setting(
        "body-grace", .time(.milliseconds(10)...(.seconds(3600)), zero: "none"), initial: "10s", in: .times,
        "How long a request body may arrive more slowly than min-body-rate, not counting its longest pause.")
    package let idleTimeout = Setting(
        "idle-timeout", .time(.milliseconds(10)...(.seconds(3600))), initial: "60s", in: .times,
        "How long a connection may stay open without a request.")
}
