import ProducerInterface
import StreamRuntime

/// What a server says on standard output when it is ready: where it listens, what it serves, and how to try it.
struct Greeting {
    /// Where it listens, at least one: "http://127.0.0.1:8080".
    let urls: [String]
    let producers: [ProducerDescription]

    var text: String {
        var lines = urls.map { "listening on \($0)" } + [""]
        let calls = producers.map { $0.acceptsBody ? "GET,POST \($0.route)" : "GET \($0.route)" }
        let width = min(40, calls.map(\.count).max() ?? 0)
        for (call, producer) in zip(calls, producers) {
            let padded = call + String(repeating: " ", count: max(0, width - call.count))
            lines.append(producer.summary.isEmpty ? "  \(call)" : "  \(padded)  \(producer.summary)")
            if !producer.parameters.isEmpty {
                lines.append("  \(String(repeating: " ", count: width))  (\(producer.parameters))")
            }
        }
        if let example { lines += ["", "try:  \(example)"] }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A command that shows events at once: of a producer that needs nothing, if there is one.
    private var example: String? {
        let simple = producers.first { producer in
            !producer.route.contains("{") && !Self.needsValue(producer.parameters)
        }
        guard let producer = simple ?? producers.first else { return nil }
        return "curl -N '\(urls[0])\(producer.route)'"
    }

    /// A parameter without default, and not optional.
    private static func needsValue(_ signature: String) -> Bool {
        guard !signature.isEmpty else { return false }
        return signature.split(separator: ",").contains { $0.contains(":") && !$0.contains("=") && !$0.contains("?") }
    }
}
