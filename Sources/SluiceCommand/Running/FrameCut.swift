/// Counts the events in a stream's bytes, to end it after a number of them.
struct FrameCut: Sendable, Equatable {
    /// The number of events still wanted.
    private(set) var remaining: Int
    private var lineStart: [UInt8] = []
    private var hasData = false

    /// - Parameter events: the number of events with data. Other frames (comments, IDs) are passed on, but not counted.
    init(events: Int) { remaining = events }

    /// Counts the events in the next bytes.
    /// - Returns: how many of the bytes to keep.
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
