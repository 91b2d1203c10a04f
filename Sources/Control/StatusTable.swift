import CommandOutput

/// A server's status as a text for people.
package struct StatusTable {
    private let status: ServerStatus

    /// - Parameter status: missing members are left out or shown as "?", "0" or "-".
    package init(_ status: ServerStatus) { self.status = status }

    /// ```
    /// sluice 0.1.0, process 4242, up 3h 12m, http://127.0.0.1:8080, plugins in ./plugins
    /// streams 12, threads 0, connections 3, refused requests 0, kept for reloads 7k; reloads 4
    ///
    /// PLUGIN  GENERATION  STATE     AGE   STREAMS  SUBSCRIBERS  OLDEST  IMAGE  ROUTES
    /// hello            2  serving   12m        11           11     11m    24k  /hello
    /// hello            1  draining  3h          1            1      2h    24k  /hello
    /// ```
    /// followed by trials, calls that do not return, the streams that hold draining generations, changed libraries and
    /// refusals.
    package var text: String {
        var lines = head + [""] + Self.aligned(rows)
        let trials = trials
        if !trials.isEmpty {
            lines += ["", "on trial, and rolled back if their streams fail"] + Self.aligned(trials).map { "  " + $0 }
        }
        let hanging = hangingCalls
        if !hanging.isEmpty {
            lines += ["", "calls that do not return"] + Self.aligned(hanging).map { "  " + $0 }
        }
        let holders = drainHolders
        if !holders.isEmpty {
            lines += ["", "draining generations are held by"] + Self.aligned(holders).map { "  " + $0 }
        }
        let libraries = (status.changedLibraries ?? []).map { changed in
            "  \(changed.library ?? "?")  \((changed.plugins ?? []).joined(separator: ", "))"
        }
        if !libraries.isEmpty {
            lines += ["", "changed on disk; a restart of the server loads them"] + libraries
        }
        let refusals = (status.refusals ?? []).map { refusal in
            "  \(utcDate(seconds: refusal.at ?? 0))Z  \(refusal.error ?? "")"
        }
        if !refusals.isEmpty { lines += ["", "latest refusals"] + refusals }
        // The texts come from plugins and must not be able to control the terminal.
        return lines.map { EscapedText.printable($0) }.joined(separator: "\n") + "\n"
    }

    private var head: [String] {
        let running = status.isReloading == true ? "; a reload runs" : ""
        let stuckStreams = status.stuckStreams ?? 0
        let stuck = stuckStreams > 0 ? " (\(stuckStreams) stuck)" : ""
        return [
            "sluice \(status.version ?? "?"), process \(status.pid ?? 0), up \(Self.age(status.uptimeSeconds)), "
                + "\(urls), plugins in \(status.directory ?? "?")",
            "streams \(status.openStreams ?? 0)\(stuck), threads \(status.threads ?? 0), connections "
                + "\(status.connections ?? 0), refused requests \(status.refusedRequests ?? 0), kept for reloads "
                + "\(Self.size(status.keptRequestBytes)); reloads \(status.reloads ?? 0)"
                + "\(running); images \(status.images ?? 0), \(Self.size(status.imageBytes))",
        ]
    }

    /// Servers before 0.2 send only the address of their single listener.
    private var urls: String {
        let all = status.urls?.joined(separator: " ") ?? "http://\(status.address ?? "?")"
        return status.admin.map { "\(all), admin on \($0)" } ?? all
    }

    private var rows: [[String]] {
        let head = ["PLUGIN", "GENERATION", "STATE", "AGE", "STREAMS", "SUBSCRIBERS", "OLDEST", "IMAGE", "ROUTES"]
        let rows = generations.map { generation in
            [
                generation.plugin ?? "?", "\(generation.generation ?? 0)", generation.state ?? "?",
                Self.age(generation.ageSeconds), "\(generation.openStreams ?? 0)",
                generation.subscribers.map(String.init) ?? "?", Self.age(generation.oldestStreamSeconds),
                Self.size(generation.imageBytes),
                (generation.producers ?? []).compactMap(\.route).joined(separator: " "),
            ]
        }
        return [head] + rows
    }

    private var generations: [ServerStatus.Generation] { status.generations ?? [] }

    private static func name(_ plugin: String?, _ generation: Int?) -> String {
        "\(plugin ?? "?") \(generation ?? 0)"
    }

    private var trials: [[String]] {
        generations.compactMap { generation in
            guard let trial = generation.trial, let failures = trial.failures else { return nil }
            return [
                Self.name(generation.plugin, generation.generation),
                "\(failures) of \(trial.failuresMax ?? 0) failures", "\(Self.age(trial.secondsLeft)) left",
            ]
        }
    }

    private var hangingCalls: [[String]] {
        (status.hangingCalls ?? []).map { call in
            [
                Self.name(call.plugin, call.generation), call.producer ?? "?", call.function ?? "?",
                "stream \(call.stream ?? "?")", "for \(Self.age(call.seconds))",
            ]
        }
    }

    private var drainHolders: [[String]] {
        generations.filter { $0.state == "draining" }.flatMap { generation in
            let name = Self.name(generation.plugin, generation.generation)
            var rows: [[String]] = []
            if let trial = generation.heldForGeneration { rows.append([name, "the trial of generation \(trial)"]) }
            for holder in generation.holders ?? [] {
                let peer = holder.peer ?? (holder.shared == true ? "shared" : "its subscriber has left")
                rows.append([
                    name, "stream \(holder.stream ?? "?")", holder.producer ?? "?", peer, Self.age(holder.ageSeconds),
                ])
            }
            return rows
        }
    }

    /// Columns as wide as their widest cell, two blanks apart. Rows can have different numbers of columns.
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

    /// A time in its two largest units, such as "3h 12m"; "-" if there is none.
    static func age(_ seconds: Double?) -> String {
        guard let seconds, seconds >= 0, seconds < 1e15 else { return "-" }
        if seconds < 1 { return "\(Int(seconds * 1000))ms" }
        let whole = Int(seconds)
        let units = [(86400, "d"), (3600, "h"), (60, "m"), (1, "s")]
        let first = units.firstIndex { whole >= $0.0 } ?? 3
        let parts = units[first...].prefix(2).enumerated().map { index, unit in
            index == 0 ? "\(whole / unit.0)\(unit.1)" : "\(whole % units[first].0 / unit.0)\(unit.1)"
        }
        return parts.filter { !$0.hasPrefix("0") }.joined(separator: " ")
    }

    private static func size(_ bytes: Int?) -> String {
        guard let bytes, bytes >= 0 else { return "-" }
        if bytes < 10 << 20 { return "\(bytes >> 10)k" }
        return bytes < 10 << 30 ? "\(bytes >> 20)M" : "\(bytes >> 30)G"
    }
}
