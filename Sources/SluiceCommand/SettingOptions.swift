import ArgumentParser
import Settings

/// The rows of the table for a section of a command line.
protocol SettingSection {
    static var rows: [any SettingRow] { get }
}

/// Settings as options of a command: one option for each row of a section.
///
/// ArgumentParser finds a command's options through the `Mirror` of an instance, and sets them by decoding the command.
/// Here both work on rows instead of properties, so a new row of the table becomes an option without further code.
struct SettingOptions<Section: SettingSection>: ParsableArguments, CustomReflectable {
    /// The given options, by the setting's name.
    private(set) var given: [String: String] = [:]

    init() {}

    var customMirror: Mirror {
        Mirror(
            self,
            children: Section.rows.map { row in
                (label: row.name, value: Self.option(row))
            })
    }

    init(from decoder: any Decoder) throws {
        let options = try decoder.container(keyedBy: RowKey.self)
        for row in Section.rows {
            let key = RowKey(stringValue: row.name)
            if row.isSwitch {
                given[row.name] = try options.decode(Flag<Bool?>.self, forKey: key).wrappedValue.map(String.init)
            } else if row.isList {
                let texts = try options.decode(Option<[String]>.self, forKey: key).wrappedValue
                if !texts.isEmpty { given[row.name] = texts.joined(separator: ",") }
            } else {
                given[row.name] = try options.decode(Option<String?>.self, forKey: key).wrappedValue
            }
        }
    }

    private static func option(_ row: any SettingRow) -> any Sendable {
        let name = NameSpecification.customLong(row.name)
        if row.isSwitch { return Flag<Bool?>(name: name, inversion: .prefixedNo, help: ArgumentHelp(row)) }
        if row.isList {
            return Option<[String]>(wrappedValue: [], name: name, parsing: .singleValue, help: ArgumentHelp(row))
        }
        return Option<String?>(name: name, help: ArgumentHelp(row))
    }
}

/// The name of a setting as a coding key.
private struct RowKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }

    init?(intValue: Int) { nil }
}

extension ArgumentHelp {
    init(_ row: any SettingRow) { self.init("\(row.help)", valueName: row.placeholder) }
}
