/// Counts the events in a stream's bytes, to end it behind a certain one.
struct FrameCut: Sendable, Equatable {
    /// Events that are still wanted.
    private(set) var remaining: Int
    private var lineStart: [UInt8] = []
    private var hasData = false

    /// - Parameter events: frames with data; others (comments, ids) are passed on, and not counted.
    init(events: Int) { remaining = events }

    /// Takes the next bytes.
    /// - Returns: how many of them belong to the events that are wanted.
    mutating func take(_ bytes: [UInt8]) -> Int {
        for (index, byte) in bytes.enumerated() {
            guard remaining > 0 else { return index }
            guard byte == UInt8(ascii: "\n") else {
                if lineStart.count < Self.dataField.count { lineStart.append(byte) }
                continue
            }
            if lineStart == Self.dataField { hasData = true }
            if lineStart.isEmpty {
                if hasData { remaining -= 1 }
                hasData = false
            }
            lineStart.removeAll(keepingCapacity: true)
        }
        return bytes.count
    }

    private static let dataField = Array("data:".utf8)
}
