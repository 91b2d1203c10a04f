import Testing

@testable import Settings

/// The effects of one more row. `SettingOptionsTests` tests the same for the command line.
@Suite("A row that is added to the table")
struct NewRowTests {
    private static let shades = Setting(
        "lamp-shades", .count(1...9), initial: "4", in: .limits, perProducer: "lamps", "Shades of each lamp.")
    private static let lamp = Setting(
        "lamp", .flag, initial: "false", in: .general, needsRestart: true, "Whether there is a lamp.")
    private let table = SettingTable(SettingTable.server.rows + [shades, lamp])

    private func settings(
        flags: [String: String] = [:], environment: [String: String] = [:], _ file: String = ""
    ) throws -> Settings {
        try Settings(
            SettingSources(
                table: table, flags: flags, environment: environment,
                file: ConfigurationFile(parsing: file, path: "s.yaml", table: table)))
    }

    @Test("is read from the command line, the environment and the file, or has its default")
    func sources() throws {
        #expect(try settings()[Self.shades] == 4)
        #expect(try settings("lamp-shades: 5")[Self.shades] == 5)
        #expect(try settings(environment: ["SLUICE_LAMP_SHADES": "6"], "lamp-shades: 5")[Self.shades] == 6)
        #expect(try settings(flags: ["lamp-shades": "7"], environment: ["SLUICE_LAMP_SHADES": "6"])[Self.shades] == 7)
    }

    @Test("is checked, and suggested for misspelled names")
    func mistakes() throws {
        #expect(throws: SettingError("s.yaml:1: lamp-shades: expected a whole number from 1 to 9, not '10'")) {
            try settings("lamp-shades: 10")
        }
        #expect(throws: SettingError("s.yaml:1: unknown key 'lamp-shade'; did you mean 'lamp-shades'?")) {
            try settings("lamp-shade: 5")
        }
        #expect(
            EnvironmentVariables.warnings(for: ["SLUICE_LAMP_SHADE", "SLUICE_LAMP"], table: table)
                == ["unknown environment variable SLUICE_LAMP_SHADE; did you mean SLUICE_LAMP_SHADES?"])
    }

    @Test("has its section in the file, by producer")
    func producer() throws {
        let settings = try settings("lamps: {hall: {lamp-shades: 8}}")
        #expect(settings.producers["hall"]?[Self.shades] == 8)
        #expect(settings[Self.shades] == 4 && settings.anyProducer[Self.shades] == 4)
        #expect(throws: SettingError("s.yaml:1: lamps: hall: unknown key 'linger'; expected lamp-shades")) {
            try self.settings("lamps: {hall: {linger: 8}}")
        }
    }

    @Test("is reported when it changes, or when a change needs a restart")
    func change() throws {
        let new = try settings("lamp: true\nlamp-shades: 5\nlamps: {hall: {lamp-shades: 8}}")
        let change = SettingsChange(from: try settings(), to: new)
        #expect(change.changed == ["lamp-shades", "lamps"] && change.fixed == ["lamp"])
        #expect(change.settings[Self.shades] == 5 && !change.settings[Self.lamp])
    }

    @Test("is listed, with its summary and its default")
    func help() throws {
        #expect(table.rows(in: .limits).last?.name == "lamp-shades")
        #expect(Self.shades.help == "Shades of each lamp. (default: 4)" && Self.shades.placeholder == "count")
    }
}
