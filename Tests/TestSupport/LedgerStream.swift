package import ProducerInterface

/// A ledger's entries for one stream, and whether the host kept its promises.
package struct LedgerStream: Sendable {
    package let name: LedgerEntry.Stream
    package private(set) var entries: [LedgerEntry] = []

    package static func all(in entries: [LedgerEntry]) -> [LedgerStream] {
        var places: [LedgerEntry.Stream: Int] = [:]
        var streams: [LedgerStream] = []
        for entry in entries where entry.stream.number > 0 {
            if let place = places[entry.stream] {
                streams[place].entries.append(entry)
            } else {
                places[entry.stream] = streams.count
                streams.append(LedgerStream(name: entry.stream, entries: [entry]))
            }
        }
        return streams
    }

    /// The query's `tag`.
    package var tag: String? { entries.first { $0.what == "open-enter" }?.details.first }
    /// The result of `last_event_id` in `open`; "-" for none.
    package var lastEventID: String? { entries.first { $0.what == "open-enter" }?.details.last }
    /// The reason of its close; `nil` before that.
    package var reason: CloseReason? {
        entries.first { $0.what == "close-enter" }.flatMap { Int32($0.details[0]) }.flatMap(CloseReason.init)
    }
    package var wasOpened: Bool { entries.contains { $0.isOpening } }
    /// Whether `close` has returned and, if it answered "not yet", was completed.
    package var isOver: Bool {
        entries.contains { $0.what == "close-left" && $0.details == ["0"] || $0.what == "closed" }
    }
    package var nextCount: Int { entries.count { $0.what == "next-enter" } }
    package var threads: Set<Int> { Set(entries.map(\.thread)) }

    /// Every broken promise, as a sentence.
    ///
    /// The fixtures write a line when they enter a function and before they return from it, so interleaved lines are
    /// overlapping calls.
    package var violations: [String] {
        var found: [String] = []
        var inside: String?
        var isOpen = false
        var isInterrupting = false
        var isRefused = false
        var closes = 0
        for entry in entries {
            let function = entry.what.split(separator: "-").first.map(String.init) ?? ""
            switch entry.what {
            case "overlap": found.append("\(entry.details[0]) overlapped another function")
            case "open-enter", "next-enter", "close-enter":
                if let inside { found.append("\(function) was called within \(inside)") }
                if closes > 0 { found.append("\(function) was called after close") }
                if function == "open", entry != entries[0] { found.append("open was called again") }
                if function != "open", !isOpen { found.append("\(function) was called before open had answered OK") }
                if function == "close" {
                    closes += 1
                    if isInterrupting { found.append("close was called within interrupt") }
                }
                inside = function
            case "open-left", "next-left", "close-left":
                inside = nil
                if entry.isOpening { isOpen = true }
            case "opened": if entry.isOpening { isOpen = true }
            case "opened-left" where entry.details != ["0"]:
                isRefused = true
                if isInterrupting { found.append("interrupt went on behind the return of a refusal") }
            case "interrupt-enter":
                isInterrupting = true
                if inside == "open" { found.append("interrupt was called before open had returned") }
                if closes > 0 { found.append("interrupt was called after close") }
                if isRefused { found.append("interrupt was called after a refusal") }
            case "interrupt-left": isInterrupting = false
            default: break
            }
        }
        if closes > 1 { found.append("close was called \(closes) times") }
        return found.map { "\(name.plugin) \(name.generation).\(name.number): \($0)" }
    }
}

extension LedgerEntry {
    fileprivate var isOpening: Bool { (what == "open-left" || what == "opened") && details == ["0"] }
}

extension [LedgerEntry] {
    /// The violations in the ledger of a server that has ended.
    /// - Parameter allowsOpen: streams that were never closed are no violations (because a call never returned).
    package func violations(allowsOpen: Bool = false) -> [String] {
        let streams = LedgerStream.all(in: self)
        var found = streams.flatMap(\.violations)
        if !allowsOpen {
            found += streams.filter { $0.wasOpened && !$0.isOver }.map {
                "\($0.name.plugin) \($0.name.generation).\($0.name.number): opened, and never closed"
            }
        }
        for (index, entry) in enumerated() where entry.what == "shutdown" {
            let later = self[(index + 1)...].filter {
                $0.stream.plugin == entry.stream.plugin && $0.stream.generation == entry.stream.generation
                    && $0.what != "note" && $0.what != "opened-left"
            }
            found += later.map { "after shutdown: \($0)" }
        }
        return found
    }
}
