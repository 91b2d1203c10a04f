import Testing

@testable import Settings

@Suite("Settings that have no effect")
struct SettingsWithoutEffectTests {
    private func lines(
        _ text: String, flags: [String: String] = [:], environment: [String: String] = [:],
        defaults: [String: String] = [:]
    ) throws -> [String] {
        try Settings(
            SettingSources(
                flags: flags, environment: environment, file: ConfigurationFile(parsing: text, path: "s.yaml"),
                defaults: defaults)
        ).withoutEffect
    }

    private static let noLoopback = "has no effect: it is for requests to loopback addresses, and no listener is on one"

    @Test("hosts, if no listener can be on a loopback address, that of the administration included")
    func hosts() throws {
        #expect(try lines("listen: ':80'\nhosts: a.example") == ["s.yaml:2: hosts \(Self.noLoopback)"])
        #expect(
            try lines("", flags: ["hosts": "a", "listen": "192.0.2.1:80,unix:/s"]) == ["--hosts \(Self.noLoopback)"])
        #expect(
            try lines("", environment: ["SLUICE_HOSTS": "a", "SLUICE_LISTEN": "[::]:80"])
                == ["SLUICE_HOSTS \(Self.noLoopback)"])
        for address in ["127.0.0.9:80", "localhost:80", "[::1]:80", "name.example:80", "systemd", ":80,localhost:81"] {
            #expect(try lines("hosts: a.example", flags: ["listen": address]).isEmpty, "\(address)")
        }
        #expect(try lines("listen: ':80'\nhosts: a.example\nadmin: 127.0.0.1:9180").isEmpty)
        #expect(try lines("hosts: a.example").isEmpty && lines("listen: ':80'\nhosts: []").isEmpty)
    }

    @Test("what is said about the pages of cors-origins, without origins in the same place")
    func origins() throws {
        #expect(
            try lines("cors: {max-age: 1m, exposed-headers: [X-Id]}\ncors-credentials: true") == [
                "s.yaml:2: cors-credentials has no effect without cors-origins",
                "s.yaml:1: cors-exposed-headers has no effect without cors-origins",
                "s.yaml:1: cors-max-age has no effect without cors-origins",
            ])
        #expect(
            try lines(
                "cors: {origins: '*', max-age: 1m}\naccess:\n  tail: {cors-max-age: 2m}\n  list: {cors-origins: '*'}"
            )
                == ["s.yaml:3: cors-max-age of tail has no effect without cors-origins of its own"])
        #expect(
            try lines("cors: {origins: '*'}\nlisten:\n- ':80'\n- address: ':81'\n  cors: {credentials: true}") == [
                "s.yaml:5: cors-credentials of *:81 has no effect without cors-origins of its own"
            ])
        // To allow none is a policy, too; and what is off anyway need not be reported.
        #expect(try lines("cors: {origins: '*'}\naccess: {tail: {cors-origins: []}}").isEmpty)
        #expect(try lines("cors: {credentials: false, exposed-headers: []}").isEmpty)
        #expect(try lines("cors: {max-age: 1m}", defaults: ["cors-origins": "local"]).isEmpty)
    }

    @Test("the headers of proxies, if none is trusted, even the usual ones")
    func proxies() throws {
        #expect(
            try lines("", flags: ["forwarded-headers": "x-forwarded"])
                == ["--forwarded-headers has no effect without trusted-proxies"])
        #expect(try lines("forwarded-headers: forwarded\ntrusted-proxies: unix").isEmpty)
    }

    @Test("the settings of single listeners, if the addresses come from elsewhere, or are no loopback addresses")
    func listeners() throws {
        let text = "listen:\n- address: :80\n  cors: {origins: '*'}\n- address: localhost:81\n  hosts: a.example\n"
        #expect(try lines(text).isEmpty)
        let replaced = "s.yaml:3: the settings of single listeners have no effect:"
        #expect(try lines(text, flags: ["listen": ":80"]) == ["\(replaced) --listen replaces them"])
        #expect(
            try lines(text, environment: ["SLUICE_LISTEN": ":80"]) == ["\(replaced) SLUICE_LISTEN replaces them"])
        #expect(try lines("listen: [':80', 'unix:/s mode=600']", flags: ["listen": ":81"]).isEmpty)
        #expect(
            try lines("listen: [{address: ':80', hosts: a}, {address: 'localhost:81', hosts: a}]") == [
                "s.yaml:1: hosts has no effect: it is for loopback addresses, and *:80 is not one"
            ])
    }

    @Test("none without settings")
    func none() throws { #expect(try lines("").isEmpty) }
}
