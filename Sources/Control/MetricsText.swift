import StreamRuntime

/// Metrics in Prometheus' text format, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
///
/// Each family is written at once: its help and its type, once, then all of its samples.
struct MetricsText {
    /// The type of the content.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    enum Kind: String {
        case counter, gauge
    }

    /// Names and values, in the order in which they are written.
    typealias Labels = [(name: String, value: String)]

    struct Sample {
        let labels: Labels
        let value: Value

        init(_ labels: Labels, _ value: Int) { (self.labels, self.value) = (labels, .whole(value)) }
        init(_ labels: Labels, seconds value: Double) { (self.labels, self.value) = (labels, .real(value)) }
    }

    enum Value {
        case whole(Int)
        case real(Double)

        /// As Go writes numbers.
        var text: String {
            switch self {
            case .whole(let number): "\(number)"
            case .real(let number) where number == number.rounded() && abs(number) < 1e15: "\(Int(number))"
            case .real(let number): number.isFinite ? "\(number)" : number.isNaN ? "NaN" : number > 0 ? "+Inf" : "-Inf"
            }
        }
    }

    private(set) var text = ""
    private var names: Set<String> = []

    /// - Parameters:
    ///   - name: with the unit; a counter's ends with "_total".
    ///   - help: one sentence.
    ///   - samples: each with other values of the same labels.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        begin(name, kind.rawValue, help)
        for sample in samples { write(name, sample.labels, sample.value) }
    }

    /// A family with one sample.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Int) {
        add(name, kind, help, [Sample([], value)])
    }

    /// Times, in seconds.
    /// - Parameter name: ends with "_seconds".
    mutating func add(_ name: String, _ help: String, _ histograms: [(labels: Labels, times: TimeHistogram)]) {
        begin(name, "histogram", help)
        for (labels, times) in histograms {
            var sum = 0
            for (bucket, count) in times.counts.enumerated() {
                sum += count
                let bound = bucket < TimeHistogram.bounds.count ? Double(TimeHistogram.bounds[bucket]) / 1e9 : .infinity
                write(name + "_bucket", labels + [("le", Value.real(bound).text)], .whole(sum))
            }
            write(name + "_sum", labels, .real(Double(times.sum) / 1e9))
            write(name + "_count", labels, .whole(sum))
        }
    }

    private mutating func begin(_ name: String, _ kind: String, _ help: String) {
        precondition(names.insert(name).inserted, "\(name): a family is written at once")
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind)\n"
    }

    private mutating func write(_ name: String, _ labels: Labels, _ value: Value) {
        text += name
        if !labels.isEmpty {
            text +=
                "{" + labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }.joined(separator: ",")
                + "}"
        }
        text += " \(value.text)\n"
    }

    /// Backslashes and line feeds, and in the value of a label also quotes, are escaped.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
