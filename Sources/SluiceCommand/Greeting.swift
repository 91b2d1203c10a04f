import FrontDoor
import ProducerInterface
import StreamRuntime

/// The text on standard output when a server is ready: its addresses, its routes, and a command to try one.
struct Greeting {
    /// Where the server listens, at least one.
    let addresses: [ServerAddress]
    /// The admin listener's URL.
    var admin: String?
    let producers: [ProducerDescription]
    /// The path below which all routes are.
    var basePath = ""

    var text: String {
        var lines = addresses.map { "listening on \($0.url)" }
        if let admin { lines.append("admin on \(admin): /health/live, /health/ready, /metrics, /status") }
        lines.append("")
        let calls = producers.map { "\($0.acceptsBody ? "GET,POST" : "GET") \(basePath)\($0.route)" }
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

    /// A command that shows events. If possible, it uses a producer that needs no values.
    private var example: String? {
        let simple = producers.first { producer in
            !producer.route.contains("{") && !Self.needsValue(producer.parameters)
        }
        guard let producer = simple ?? producers.first else { return nil }
        return "curl -N \(addresses[0].curl(basePath + producer.route))"
    }

    /// Whether a parameter has no default and is not optional.
    private static func needsValue(_ signature: String) -> Bool {
        guard !signature.isEmpty else { return false }
        return signature.split(separator: ",").contains { $0.contains(":") && !$0.contains("=") && !$0.contains("?") }
    }
}
