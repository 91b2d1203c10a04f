import Testing

@testable import SluiceCommand

@Suite("Settings that change while the server runs")
struct SettingsChangeTests {
    private func settings(_ text: String) throws -> Settings {
        try Settings(
            SettingSources(
                flags: givenFlags([]), environment: [:],
                file: ConfigurationFile(parsing: "plugins: p\n" + text, path: "s.yaml")))
    }

    @Test("each setting is either taken over or named as fixed")
    func complete() {
        #expect(Set(SettingsChange.keys) == Set(SettingTable.keys + ["hubs", "producers"]))
        #expect(SettingsChange.keys.count == Set(SettingsChange.keys).count)
    }

    @Test("nothing has changed")
    func nothing() throws {
        let change = SettingsChange(from: try settings(""), to: try settings(""))
        #expect(change.changed.isEmpty && change.fixed.isEmpty)
    }

    @Test("each is told alone, and holds or does not", arguments: SettingTable.keys.filter { $0 != "plugins" })
    func each(key: String) throws {
        let (old, new) = (try settings(""), try settings("\(key): '\(try #require(SettingsTests.samples[key]))'"))
        let change = SettingsChange(from: old, to: new)
        let isFixed = ["listen", "loops", "log-format", "control", "watch"].contains(key)
        // What shared streams do is also what each producer's do that the file does not name.
        #expect(change.changed == (isFixed ? [] : [key]))
        #expect(change.fixed == (isFixed ? [key] : []))
        #expect(change.settings == (isFixed ? old : new))
    }

    @Test("sections of producers and hubs are taken over, the rest of the change as well")
    func sections() throws {
        let new = try settings("listen: ':99'\nproducers: {tail: {root: /x}}\nhubs: {tail: {linger: 3s}}\nretry: 3s")
        let change = SettingsChange(from: try settings(""), to: new)
        #expect(change.changed == ["retry", "hubs", "producers"] && change.fixed == ["listen"])
        #expect(change.settings.producerSections == ["tail": ["root": "/x"]])
        #expect(change.settings.retryMilliseconds == 3000)
        #expect(change.settings.listen.port == 8080)
    }
}
