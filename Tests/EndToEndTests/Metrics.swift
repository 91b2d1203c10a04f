import TestSupport

/// The answer of /metrics, read with a parser of the tests' own.
struct Metrics {
    /// By the line's text before the value: `sluice_events_total{plugin="a",producer="b"}`.
    private(set) var samples: [String: Double] = [:]
    private(set) var types: [String: String] = [:]
    /// What is wrong with the order of the lines.
    private(set) var faults: [String] = []

    init(_ text: String) {
        var family = ""
        var isHelped = false
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                if isHelped { faults.append("\(family) has no type") }
                (family, isHelped) = (words[2], true)
                if words.count < 4 || types[family] != nil { faults.append("HELP \(family)") }
            } else if line.hasPrefix("# TYPE ") {
                if !isHelped || words[2] != family || types[family] != nil { faults.append("TYPE \(family)") }
                (types[family], isHelped) = (words.last, false)
            } else if let blank = line.lastIndex(of: " "), let value = Double(line[line.index(after: blank)...]) {
                let name = line.prefix { $0 != "{" && $0 != " " }
                let suffixes = types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                if !suffixes.contains(where: { name == family + $0 }) { faults.append("\(name) in \(family)") }
                if samples.updateValue(value, forKey: String(line[..<blank])) != nil { faults.append("\(line)") }
            } else {
                faults.append("\(line)")
            }
        }
    }

    /// The value of a sample; 0 if there is none.
    /// - Parameter labels: as written: `plugin="a",producer="b"`.
    subscript(_ name: String, _ labels: String = "") -> Double {
        samples[labels.isEmpty ? "sluice_\(name)" : "sluice_\(name){\(labels)}"] ?? 0
    }

    /// The samples of counters, and the parts of histograms, that are less than in an earlier answer, or are missing.
    func fallen(since earlier: Metrics) -> [String] {
        earlier.samples.filter { name, value in
            let family = String(name.prefix { $0 != "{" })
            let isCounter =
                family.hasSuffix("_total") || ["_bucket", "_sum", "_count"].contains { family.hasSuffix($0) }
            return isCounter && (samples[name] ?? -1) < value
        }.map(\.key)
    }
}

extension SluiceServer {
    /// The metrics now.
    func metrics() throws -> Metrics {
        let response = try askAdmin("/metrics")
        guard response.status == 200 else { throw TestFailure("/metrics: \(response.head)") }
        return Metrics(response.body)
    }

    /// Waits for metrics like these: some change a moment after what a subscriber sees.
    func waitForMetrics(_ what: String, where isWanted: (Metrics) -> Bool) throws -> Metrics {
        var last: Metrics?
        let isThere = try blockingEventually {
            let metrics = try metrics()
            last = metrics
            return isWanted(metrics)
        }
        guard isThere, let last else {
            let lines = last?.samples.filter { $0.value != 0 }.map { "\($0.key) \($0.value)" }.sorted() ?? []
            throw TestFailure("no metrics with \(what), but\n\(lines.joined(separator: "\n"))")
        }
        return last
    }
}
