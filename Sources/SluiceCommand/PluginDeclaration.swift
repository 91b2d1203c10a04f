import CommandOutput
import EventStream
import ForeignFunction
import PluginHost
import ProducerInterface

/// What a plugin declares, for people and for programs.
struct PluginDeclaration {
    struct Producer {
        let description: ProducerDescription
        let parameters: [Signature.Parameter]

        /// The flags' names in `sluice.h`, in lower case.
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
    /// hello 1.0.0 (sluice.h 1.1): Says hello to the world, again and again
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
        // The texts come from the plugin and must not be able to control the terminal.
        return lines.map(EscapedText.printable).joined(separator: "\n") + "\n"
    }

    /// The same as JSON. Bounds and defaults are strings, as in a request; null: there is none.
    var json: [UInt8] {
        JSONText.pretty(
            JSONForm(
                file: file, name: name, version: version, description: summary, interface: interfaceVersion,
                producers: producers.map(\.json)))
    }

    private struct JSONForm: Encodable {
        let file: String
        let name: String
        let version: String
        let description: String
        let interface: String
        let producers: [Producer.JSONForm]
    }
}

extension PluginDeclaration.Producer {
    fileprivate struct JSONForm: Encodable {
        let name: String
        let route: String
        let description: String
        let parameters: [Parameter]
        let flags: [String]
    }

    fileprivate struct Parameter: Encodable {
        let name: String
        let type: String
        let optional: Bool
        @OrNull var min: String?
        @OrNull var max: String?
        @OrNull var `default`: String?

        init(_ parameter: Signature.Parameter) {
            name = parameter.name
            type = parameter.type.rawValue
            optional = parameter.isOptional
            min = parameter.range?.least.map(ValueRange.text)
            max = parameter.range?.greatest.map(ValueRange.text)
            `default` = parameter.defaultValue?.text
        }
    }

    fileprivate var json: JSONForm {
        JSONForm(
            name: description.name, route: description.route, description: description.summary,
            parameters: parameters.map(Parameter.init), flags: flags)
    }
}
