/// The client's side: parses an event stream as WHATWG HTML 9.2.6 specifies it, in pieces of any size.
///
/// For tests, and for the command itself; it sets no limit to the length of a line or an event.
package struct EventParser: Sendable {
    /// What `feed` returns.
    package enum Reporting: Sendable {
        /// What an EventSource dispatches: events with data; their id is the last event id, "" if there was none.
        case events
        /// Every block with a field or a comment, and what it contained; the id, too, is this block's own.
        case blocks
    }

    /// As of the last complete block; "" at first.
    package private(set) var lastEventID = ""
    /// The last one that the server has sent.
    package private(set) var retryMilliseconds: Int64?

    private let reporting: Reporting
    private var line: [UInt8] = []
    private var isFirstLine = true
    private var lastWasReturn = false
    private var block = Event()
    private var nextEventID = ""

    package init(reporting: Reporting = .events) {
        self.reporting = reporting
    }

    /// Takes the next bytes of the stream, and returns what they complete. Bytes after the last blank line are kept
    /// until more arrive; at the end of the stream, they must be dropped.
    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [Event] {
        var found: [Event] = []
        for byte in bytes {
            switch byte {
            case 0x0A where lastWasReturn: lastWasReturn = false
            case 0x0A, 0x0D:
                lastWasReturn = byte == 0x0D
                if let event = endLine() { found.append(event) }
            default:
                lastWasReturn = false
                line.append(byte)
            }
        }
        return found
    }

    private mutating func endLine() -> Event? {
        if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        isFirstLine = false
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return endBlock() }
        let colon = line.firstIndex(of: 0x3A) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == 0x20 { value.removeFirst() }
        take(String(decoding: value, as: UTF8.self), ofField: String(decoding: line[..<colon], as: UTF8.self))
        return nil
    }

    /// A line that begins with a colon has the field name "": it is a comment.
    private mutating func take(_ value: String, ofField name: String) {
        switch name {
        case "": block.comment = block.comment.map { $0 + "\n" + value } ?? value
        case "event": block.type = value
        case "data": block.data = block.data.map { $0 + "\n" + value } ?? value
        case "id" where !value.utf8.contains(0):
            block.id = value
            nextEventID = value
        case "retry" where !value.isEmpty && value.utf8.allSatisfy { (0x30...0x39).contains($0) }:
            block.retryMilliseconds = Int64(value) ?? .max
            retryMilliseconds = block.retryMilliseconds
        default: break
        }
    }

    private mutating func endBlock() -> Event? {
        defer { block = Event() }
        lastEventID = nextEventID
        switch reporting {
        case .blocks: return block == Event() ? nil : block
        case .events:
            guard let data = block.data else { return nil }
            return Event(data: data, type: block.type == "" ? nil : block.type, id: lastEventID)
        }
    }
}
