import ForeignFunction
import PluginHost
import ProducerInterface

/// What a plugin says about itself, for people and for programs.
struct PluginDeclaration {
    struct Producer {
        let description: ProducerDescription
        let parameters: [Signature.Parameter]

        /// As `sluice.h` calls them, in lower case.
        var flags: [String] {
            let all = [
                ("nonblocking", description.isNonblocking), ("shared", description.isShared),
                ("resumable", description.isResumable), ("body", description.acceptsBody),
            ]
            return all.filter(\.1).map(\.0)
        }
    }

    let file: String
    let name: String
    let version: String
    let summary: String
    let interfaceVersion: String
    let producers: [Producer]

    init(of plugin: LoadedPlugin) {
        file = plugin.file
        name = plugin.name
        version = plugin.version
        summary = plugin.summary
        interfaceVersion = plugin.interfaceVersion
        producers = plugin.producers.map { Producer(description: $0.description, parameters: $0.signature.parameters) }
    }

    /// ```
    /// hello 1.0.0 (sluice.h 1.0): Says hello to the world, again and again
    ///
    ///   hello  GET /hello
    ///     {"hello":"world"} every `interval` seconds
    ///     parameter  interval: f64 in 0.001...86400 = 1.0
    ///     flags      nonblocking
    /// ```
    var text: String {
        var lines = [
            ([name, version].filter { !$0.isEmpty } + ["(sluice.h \(interfaceVersion))"]).joined(separator: " ")
                + (summary.isEmpty ? "" : ": \(summary)")
        ]
        for producer in producers {
            let methods = producer.description.acceptsBody ? "GET, POST" : "GET"
            lines += ["", "  \(producer.description.name)  \(methods) \(producer.description.route)"]
            if !producer.description.summary.isEmpty { lines.append("    \(producer.description.summary)") }
            lines += producer.parameters.map { "    parameter  \($0)" }
            if !producer.flags.isEmpty { lines.append("    flags      \(producer.flags.joined(separator: ", "))") }
        }
        // The texts are the plugin's: none of them may drive the terminal.
        return lines.map(Self.printable).joined(separator: "\n") + "\n"
    }

    var json: JSONValue {
        .object([
            ("file", .text(file)), ("name", .text(name)), ("version", .text(version)), ("description", .text(summary)),
            ("interface", .text(interfaceVersion)), ("producers", .array(producers.map(\.json))),
        ])
    }

    /// The text with escapes for what a terminal would act on.
    static func printable(_ line: String) -> String {
        var printable = ""
        for scalar in line.unicodeScalars {
            if scalar.value < 0x20 || scalar.value == 0x7f {
                JSONValue.appendEscaped(scalar, to: &printable)
            } else {
                printable.unicodeScalars.append(scalar)
            }
        }
        return printable
    }
}

extension PluginDeclaration.Producer {
    fileprivate var json: JSONValue {
        .object([
            ("name", .text(description.name)), ("route", .text(description.route)),
            ("description", .text(description.summary)),
            ("parameters", .array(parameters.map(Self.json))), ("flags", .array(flags.map(JSONValue.text))),
        ])
    }

    /// A bound and a default are the text that a request would have to send for it; null: there is none.
    private static func json(_ parameter: Signature.Parameter) -> JSONValue {
        .object([
            ("name", .text(parameter.name)), ("type", .text(parameter.type.rawValue)),
            ("optional", .bool(parameter.isOptional)),
            ("min", parameter.range?.least.map(ValueRange.text).map(JSONValue.text) ?? .null),
            ("max", parameter.range?.greatest.map(ValueRange.text).map(JSONValue.text) ?? .null),
            ("default", parameter.defaultValue?.text.map(JSONValue.text) ?? .null),
        ])
    }
}
