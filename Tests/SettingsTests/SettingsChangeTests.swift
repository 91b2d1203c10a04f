import TestSupport
import Testing

@testable import Settings

@Suite("Settings that change while the server runs")
struct SettingsChangeTests {
    private func settings(_ text: String) throws -> Settings {
        try Settings(
            SettingSources(
                flags: [:], environment: [:],
                file: ConfigurationFile(parsing: "plugins: p\n" + text, path: "s.yaml")))
    }

    @Test("nothing has changed")
    func nothing() throws {
        let change = SettingsChange(from: try settings(""), to: try settings(""))
        #expect(change.changed.isEmpty && change.fixed.isEmpty)
    }

    @Test("each is reported alone, and applied or not", arguments: SettingTable.server.names.filter { $0 != "plugins" })
    func each(key: String) throws {
        let others = (settingCompanions[key] ?? [:]).map { "\($0.key): \($0.value)\n" }.joined()
        let sample = "\(key): '\(try #require(settingSamples[key]))'"
        let (old, new) = (try settings(others), try settings(others + sample))
        let change = SettingsChange(from: old, to: new)
        let isFixed = [
            "listen", "loops", "log-format", "control", "admin", "health-path", "watch", "base-path",
        ].contains(key)
        #expect(change.changed == (isFixed ? [] : [key]))
        #expect(change.fixed == (isFixed ? [key] : []))
        let rest = SettingsChange(from: isFixed ? old : new, to: change.settings)
        #expect(rest.changed.isEmpty && rest.fixed.isEmpty)
    }

    @Test("sections of producers and hubs are applied, and the rest of the change as well")
    func sections() throws {
        let new = try settings("listen: ':99'\nproducers: {tail: {root: /x}}\nhubs: {tail: {linger: 3s}}\nretry: 3s")
        let change = SettingsChange(from: try settings(""), to: new)
        #expect(change.changed == ["retry", "hubs", "producers"] && change.fixed == ["listen"])
        #expect(change.settings.producerConfigurations == ["tail": ["root": "/x"]])
        #expect(change.settings.retry == .seconds(3))
        #expect(change.settings.listen == [ListenAddress(host: "127.0.0.1", port: 8080)])
    }

    @Test("a listener's own settings are applied, but not with an address that needs a restart")
    func listeners() throws {
        let text = { (names: String) in "listen: [{address: ':1', hosts: \(names)}, ':2']" }
        let change = SettingsChange(from: try settings(text("a")), to: try settings(text("b")))
        #expect(change.changed == ["listen"] && change.fixed.isEmpty)
        #expect(change.settings.listeners.map { $0.hosts } == [["b"], []])
        let moved = SettingsChange(
            from: try settings(text("a")), to: try settings("listen: {address: ':3', hosts: b}"))
        #expect(moved.changed.isEmpty && moved.fixed == ["listen"])
        #expect(moved.settings.listeners.map { $0.hosts } == [["a"], []])
    }

    @Test("what is common to all listeners is applied, even if an address needs a restart")
    func common() throws {
        let old = try settings("cors-origins: https://a.example\nlisten: [{address: ':1', hosts: a}]")
        let change = SettingsChange(from: old, to: try settings("hosts: b\nlisten: ':2'"))
        #expect(change.changed == ["hosts", "cors-origins"] && change.fixed == ["listen"])
        #expect(change.settings.listeners.map { $0.corsOrigins } == [[]], "the origin is no longer allowed")
        #expect(change.settings.listeners.map { $0.hosts } == [["a"]])
        // Another reload finds the same.
        let again = SettingsChange(from: change.settings, to: try settings("hosts: b\ncors-origins: '*'\nlisten: ':2'"))
        #expect(again.settings.listeners.map { $0.corsOrigins } == [[.any]])
    }

    @Test("rules about several settings hold for those that the server has afterwards")
    func rules() throws {
        let old = try settings("trusted-proxies: 10.0.0.1\nlisten: ':1 proxy-protocol'")
        let change = SettingsChange(from: old, to: try settings("listen: ':1'"))
        #expect(change.fixed == ["listen"])
        #expect(
            throws: SettingError(
                "listen: *:1 has proxy-protocol, which needs the addresses of the proxies in trusted-proxies")
        ) { try change.settings.check() }
    }
}
