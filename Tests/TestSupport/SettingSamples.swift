/// What a setting can't be set without, by its name: other settings and their values.
package let settingCompanions = Dictionary(
    uniqueKeysWithValues: ["require", "auth-issuers", "auth-audiences", "auth-cookie", "auth-query"].map {
        ($0, ["auth": "none"])
    })

/// A value other than the default for each of the server's settings, by name.
package let settingSamples = [
    "plugins": "elsewhere", "admin": "127.0.0.1:9180", "health-path": "/healthz", "listen": "[::1]:9", "loops": "3",
    "insecure-plugins": "true", "log-level": "debug",
    "control": "/run/s.sock", "watch": "true", "log-format": "json", "max-connections": "11", "max-streams": "12",
    "max-streams-per-producer": "13", "max-threads": "14", "stack-size": "15M", "max-scheduled-calls": "16",
    "call-deadline": "17s", "max-event-bytes": "15k", "max-body-bytes": "16k", "handoff-bytes": "17k",
    "keep-alive": "18s", "write-deadline": "19", "max-age": "20m", "retry": "21.5", "stall-limit": "22ms",
    "drain-deadline": "23s", "shutdown-deadline": "9s", "probe-deadline": "7s", "probe-memory": "32M",
    "trial-failures": "5", "trial-period": "29s", "head-timeout": "24s", "body-timeout": "36s", "body-grace": "31s",
    "min-body-rate": "32", "max-arriving-bytes": "37M", "max-kept-request-bytes": "33M", "idle-timeout": "25s",
    "max-hubs-per-producer": "26", "history-events": "27", "history-bytes": "28k", "linger": "forever",
    "slow-policy": "skip", "anchor": "false", "hosts": "events.example.com", "cors-origins": "https://a.example",
    "cors-credentials": "true", "cors-exposed-headers": "X-Id", "cors-max-age": "41s",
    "trusted-proxies": "10.0.0.0/8,unix", "forwarded-headers": "forwarded", "base-path": "/below",
    "auth": "none", "auth-keys": "keys.json kid=43,env:SECRET", "auth-issuers": "https://id.example",
    "auth-audiences": "events", "auth-leeway": "44s", "auth-tokens": "tokens.txt", "auth-cookie": "session",
    "auth-query": "access_token", "require": "sub={user}", "access-log": "all", "max-pending-opens-per-producer": "42",
    "max-streams-per-address": "43",
    "max-streams-per-identity": "44", "max-opens-per-address": "45", "max-opens-per-identity": "46",
]
