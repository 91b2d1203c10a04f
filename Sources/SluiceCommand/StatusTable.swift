/// What a server says about itself, for people.
struct StatusTable {
    private let status: JSONValue

    /// - Parameter status: as `StatusReport` writes it; what is missing in it is left out.
    init(_ status: JSONValue) { self.status = status }

    /// ```
    /// sluice 0.1.0, process 4242, up 3h 12m, http://127.0.0.1:8080, plugins in ./plugins
    /// streams 12, threads 0, connections 3, refused requests 0, kept requests 7k; reloads 4
    ///
    /// PLUGIN  GENERATION  STATE     AGE   STREAMS  SUBSCRIBERS  OLDEST  IMAGE  ROUTES
    /// hello            2  serving   12m        11           11     11m    24k  /hello
    /// hello            1  draining  3h          1            1      2h    24k  /hello
    /// ```
    /// and what is on trial, who holds what drains, and what was refused.
    var text: String {
        var lines = head + [""] + Self.aligned(rows)
        let trials = trials
        if !trials.isEmpty {
            lines += ["", "on trial, and taken back if their streams fail"] + Self.aligned(trials).map { "  " + $0 }
        }
        let hanging = hangingCalls
        if !hanging.isEmpty {
            lines += ["", "calls that do not return"] + Self.aligned(hanging).map { "  " + $0 }
        }
        let holders = drainHolders
        if !holders.isEmpty {
            lines += ["", "draining generations are held by"] + Self.aligned(holders).map { "  " + $0 }
        }
        let libraries = (status["changed_libraries"]?.elements ?? []).map { changed in
            let plugins = (changed["plugins"]?.elements ?? []).compactMap(\.text).joined(separator: ", ")
            return "  \(changed["library"]?.text ?? "?")  \(plugins)"
        }
        if !libraries.isEmpty {
            lines += ["", "changed on disk, and loaded by the next start of the server"] + libraries
        }
        let refusals = (status["refusals"]?.elements ?? []).map { refusal in
            "  \(Self.time(refusal["at"]?.integer ?? 0))  \(refusal["error"]?.text ?? "")"
        }
        if !refusals.isEmpty { lines += ["", "refused, the last ones"] + refusals }
        // The texts are the plugins': none of them may drive the terminal.
        return lines.map { PluginDeclaration.printable($0) }.joined(separator: "\n") + "\n"
    }

    private var head: [String] {
        let running = status["is_reloading"]?.bool == true ? "; a reload runs" : ""
        let stuck = number("stuck_streams") > 0 ? " (\(number("stuck_streams")) stuck)" : ""
        return [
            "sluice \(status["version"]?.text ?? "?"), process \(number("pid")), up "
                + "\(Self.age(status["uptime_seconds"])), http://\(status["address"]?.text ?? "?"), plugins in "
                + (status["directory"]?.text ?? "?"),
            "streams \(number("open_streams"))\(stuck), threads \(number("threads")), connections "
                + "\(number("connections")), refused requests \(number("refused_requests")), kept requests "
                + "\(Self.size(status["kept_request_bytes"])); reloads \(number("reloads"))"
                + "\(running); images \(number("images")), \(Self.size(status["image_bytes"]))",
        ]
    }

    private func number(_ name: String) -> Int { status[name]?.integer ?? 0 }

    private var rows: [[String]] {
        let head = ["PLUGIN", "GENERATION", "STATE", "AGE", "STREAMS", "SUBSCRIBERS", "OLDEST", "IMAGE", "ROUTES"]
        let rows = generations.map { generation in
            [
                generation["plugin"]?.text ?? "?", "\(generation["generation"]?.integer ?? 0)",
                generation["state"]?.text ?? "?", Self.age(generation["age_seconds"]),
                "\(generation["open_streams"]?.integer ?? 0)",
                generation["subscribers"]?.integer.map(String.init) ?? "?",
                Self.age(generation["oldest_stream_seconds"]), Self.size(generation["image_bytes"]),
                (generation["producers"]?.elements ?? []).compactMap { $0["route"]?.text }.joined(separator: " "),
            ]
        }
        return [head] + rows
    }

    private var generations: [JSONValue] { status["generations"]?.elements ?? [] }

    private static func name(_ generation: JSONValue) -> String {
        "\(generation["plugin"]?.text ?? "?") \(generation["generation"]?.integer ?? 0)"
    }

    private var trials: [[String]] {
        generations.compactMap { generation in
            guard let trial = generation["trial"], let failures = trial["failures"]?.integer else { return nil }
            return [
                Self.name(generation), "\(failures) of \(trial["failures_max"]?.integer ?? 0) failures",
                "\(Self.age(trial["seconds_left"])) left",
            ]
        }
    }

    private var hangingCalls: [[String]] {
        (status["hanging_calls"]?.elements ?? []).map { call in
            [
                Self.name(call), call["producer"]?.text ?? "?", call["function"]?.text ?? "?",
                "stream \(call["stream"]?.text ?? "?")", "for \(Self.age(call["seconds"]))",
            ]
        }
    }

    private var drainHolders: [[String]] {
        generations.filter { $0["state"]?.text == "draining" }.flatMap { generation in
            var rows: [[String]] = []
            if let trial = generation["held_for_generation"]?.integer {
                rows.append([Self.name(generation), "the trial of generation \(trial)"])
            }
            for holder in generation["holders"]?.elements ?? [] {
                let stream = holder["stream"]?.text ?? "?"
                let producer = holder["producer"]?.text ?? "?"
                let isShared = holder["shared"] == .bool(true)
                let peer = holder["peer"]?.text ?? (isShared ? "shared" : "its subscriber has left")
                rows.append([
                    Self.name(generation), "stream \(stream)", producer, peer, Self.age(holder["age_seconds"]),
                ])
            }
            return rows
        }
    }

    /// Columns as wide as their widest cell, two blanks apart; the rows may have different numbers of them.
    private static func aligned(_ rows: [[String]]) -> [String] {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            return line
        }
    }

    /// "3h 12m", in its two largest units; "-" for none.
    static func age(_ seconds: JSONValue?) -> String {
        guard let seconds = seconds?.number, seconds >= 0, seconds < 1e15 else { return "-" }
        if seconds < 1 { return "\(Int(seconds * 1000))ms" }
        let whole = Int(seconds)
        let units = [(86400, "d"), (3600, "h"), (60, "m"), (1, "s")]
        let first = units.firstIndex { whole >= $0.0 } ?? 3
        let parts = units[first...].prefix(2).enumerated().map { index, unit in
            index == 0 ? "\(whole / unit.0)\(unit.1)" : "\(whole % units[first].0 / unit.0)\(unit.1)"
        }
        return parts.filter { !$0.hasPrefix("0") }.joined(separator: " ")
    }

    private static func size(_ bytes: JSONValue?) -> String {
        guard let bytes = bytes?.integer, bytes >= 0 else { return "-" }
        if bytes < 10 << 20 { return "\(bytes >> 10)k" }
        return bytes < 10 << 30 ? "\(bytes >> 20)M" : "\(bytes >> 30)G"
    }

    private static func time(_ seconds: Int) -> String { LogLine.date(seconds: seconds) + "Z" }
}
