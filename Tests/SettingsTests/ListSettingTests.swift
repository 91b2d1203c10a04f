import Testing

@testable import Settings

@Suite("Settings with several values")
struct ListSettingTests {
    private func settings(
        _ file: String = "", flags: [String: String] = [:], environment: [String: String] = [:],
        defaults: [String: String] = [:]
    ) throws -> Settings {
        try Settings(
            SettingSources(
                flags: flags, environment: environment, file: ConfigurationFile(parsing: file, path: "s.yaml"),
                defaults: defaults))
    }

    private let both: [OriginPattern] = [
        .exact("https://a.example"), .subdomains(scheme: "https://", end: ".b.example"),
    ]

    @Test("are separated by commas; in the file, they can be a sequence, and below the name of their family")
    func ways() throws {
        let text = "https://a.example, https://*.b.example"
        #expect(try settings(flags: ["cors-origins": text]).corsOrigins == both)
        #expect(try settings(environment: ["SLUICE_CORS_ORIGINS": text]).corsOrigins == both)
        for file in [
            "cors-origins: '\(text)'", "cors-origins: [https://a.example, 'https://*.b.example']",
            "cors:\n  origins:\n    - https://a.example\n    - https://*.b.example",
        ] {
            #expect(try settings(file).corsOrigins == both, "\(file)")
        }
        for file in ["", "cors-origins:", "cors-origins: []", "cors: {origins: ''}", "cors:"] {
            #expect(try settings(file).corsOrigins.isEmpty, "\(file)")
        }
    }

    @Test(
        "a mistake is reported with its place and the value that is wrong",
        arguments: [
            (
                "cors-origins: [https://a.example, b.example]",
                "cors-origins: expected \(OriginPattern.expectation), not 'b.example'"
            ),
            ("cors: {origins: 'https://a.example,,'}", "cors-origins: expected \(OriginPattern.expectation), not ''"),
            ("hosts: ['a.example,b.example']", "hosts: 'a.example,b.example' can't contain a comma"),
            ("hosts: {a: b}", "hosts: expected one value or a list of values"),
            ("hosts: [[a]]", "hosts: expected a single value"),
            (
                "cors: {origin: '*'}",
                "cors: unknown key 'origin'; expected origins, credentials, exposed-headers, max-age"
            ),
            ("cors: https://a.example", "expected the settings of 'cors' as 'name: value' lines"),
            ("{cors: {max-age: 1s}, cors-max-age: 2s}", "cors-max-age: cors-max-age is already set in line 1"),
            ("listen: []", "listen: expected \(ListenAddress.expectation), not ''"),
            ("listen: {hosts: a}", "listen: a listener needs an address: 'address: 127.0.0.1:8080'"),
            ("listen: {address: ':1 mode=660'}", "listen: address: ':1 mode=660' can't contain a comma or a blank"),
            ("listen: {address: ':1', mode: 660}", "listen: expected \(ListenAddress.expectation), not ':1 mode=660'"),
            (
                "listen: {address: ':1', retry: 1s}",
                "listen: unknown key 'retry'; expected address, mode, group, proxy-protocol, hosts, cors-origins, cors-credentials, cors-exposed-headers, cors-max-age"
            ),
            (
                "listen: {address: ':1', cors: {origins: x}}",
                "cors-origins: expected \(OriginPattern.expectation), not 'x'"
            ),
            (
                "access: {a: {hosts: x}}",
                "access: a: unknown key 'hosts'; expected cors-origins, cors-credentials, cors-exposed-headers, cors-max-age, auth, auth-keys, auth-issuers, auth-audiences, auth-leeway, auth-tokens, auth-cookie, auth-query, require"
            ),
        ])
    func mistakes(file: String, message: String) {
        #expect(throws: SettingError("s.yaml:1: \(message)")) { try settings(file) }
    }

    @Test("listeners have an address each, and can have options and settings of their own")
    func listeners() throws {
        let settings = try settings(
            """
            hosts: common.example
            trusted-proxies: [10.0.0.0/8, unix]
            cors: {origins: https://common.example, max-age: 1h}
            listen:
              - 127.0.0.1:1, [::1]:2
              - {address: unix:/run/s.sock, mode: 0600, group: www}
              - address: :3
                proxy-protocol: true
                hosts: [own.example, other.example]
                cors:
                  origins: https://own.example
            """)
        #expect(settings.listen.map(\.description) == ["127.0.0.1:1", "[::1]:2", "unix:/run/s.sock", "*:3"])
        #expect(settings.listen[2].mode == 0o600 && settings.listen[2].group == "www")
        #expect(settings.listen.map(\.acceptsProxyHeader) == [false, false, false, true])
        #expect(
            settings.listeners.map { $0.hosts } == [
                ["common.example"], ["common.example"], ["common.example"], ["own.example", "other.example"],
            ])
        #expect(settings.listeners.map { $0.corsOrigins.count } == [1, 1, 1, 1])
        #expect(settings.listeners[3].corsOrigins == [.exact("https://own.example")])
        #expect(settings.listeners[2].corsMaxAge == .seconds(3600))
        #expect(settings.listeners[3].corsMaxAge == .seconds(600), "a family is set as a whole")
        let replaced = try self.settings("listen: [{address: ':1', hosts: own.example}]", flags: ["listen": ":4,:5"])
        #expect(replaced.listen.map(\.description) == ["*:4", "*:5"])
        #expect(replaced.listeners.map { $0.hosts } == [[], []], "they were for another address")
    }

    @Test("a producer's family of settings replaces the common one as a whole")
    func producers() throws {
        let settings = try settings(
            "cors: {origins: https://a.example, credentials: true}\naccess: {open: {cors: {origins: '*'}}, same: {}}")
        #expect(
            settings.producers["open"]?.corsOrigins == [.any] && settings.producers["open"]?.corsCredentials == false)
        #expect(
            settings.producers["same"]?.corsCredentials == true && settings.producers["same"]?.hasOwn("cors") == false)
    }

    @Test("credentials are never allowed to any origin, wherever the two are set")
    func anyWithCredentials() {
        let reason = "can't be allowed to any origin; list the origins instead of '*' in cors-origins"
        for (file, place) in [
            ("cors: {origins: '*', credentials: true}", ""),
            ("cors-credentials: true\ncors-origins: ['https://a.example', '*']", ""),
            ("access: {t: {cors: {origins: '*', credentials: true}}}", " of t"),
            ("listen: [':1', {address: ':2', cors: {origins: '*', credentials: true}}]", " of *:2"),
        ] {
            #expect(throws: SettingError("cors-credentials\(place): \(reason)")) { try settings(file) }
        }
    }

    @Test("a verb's defaults count last, and those of a family only together")
    func defaults() throws {
        let defaults = ["retry": "100ms", "cors-origins": "local", "cors-credentials": "true"]
        let usual = try settings(defaults: defaults)
        #expect(usual.retry == .milliseconds(100) && usual.corsOrigins == [.local] && usual.corsCredentials)
        let own = try settings("retry: 1s\ncors: {origins: '*'}", defaults: defaults)
        #expect(own.retry == .seconds(1) && own.corsOrigins == [.any] && !own.corsCredentials)
        let other = try settings("cors: {max-age: 1h}", defaults: defaults)
        #expect(other.corsOrigins == [.local] && other.corsCredentials && other.corsMaxAge == .seconds(3600))
    }

    @Test("a PROXY header is expected only if somebody may send one")
    func proxyHeader() throws {
        #expect(
            throws: SettingError(
                "listen: *:1 has proxy-protocol, which needs the addresses of the proxies in trusted-proxies")
        ) { try settings("listen: ':1 proxy-protocol'") }
        #expect(try settings("listen: ':1 proxy-protocol'\ntrusted-proxies: ::1").trustedProxies.count == 1)
    }

    @Test(
        "a socket of the service manager is for one listener",
        arguments: [
            ("[systemd, systemd]", "systemd"), ("[systemd, 'systemd:a']", "systemd:a"),
            ("['systemd:a', systemd]", "systemd"),
            ("['systemd:a', 'systemd:b', 'systemd:a']", "systemd:a"),
        ])
    func systemdTwice(list: String, named: String) throws {
        #expect(throws: SettingError("listen: \(named): the same sockets are listed twice")) {
            try settings("listen: \(list)")
        }
        #expect(throws: Never.self) { try settings("listen: ['systemd:a', ':1', 'systemd:b']") }
    }
}
