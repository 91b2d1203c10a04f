/// The ids that a hub gives to events for which its producer gives none: `<epoch>-<n>`, strictly increasing.
struct HubNumbering: Sendable {
    /// Differs for each start of a server and for each hub, so that ids of others can be told apart.
    let epoch: [UInt8]
    /// The number of the event that was published last.
    private(set) var number: UInt64 = 0

    init(epoch: String) { self.epoch = Array(epoch.utf8) }

    /// "id: ", the epoch, "-", up to 20 digits, and a line end.
    var lineBytesMax: Int { epoch.count + 26 }

    mutating func next() { number += 1 }

    mutating func advance(to newest: UInt64) { number = newest }

    /// Leaves room for events that an older hub of this epoch may still publish.
    mutating func leap() { number = (number | 0xffff_ffff) + 1 }

    /// The number of events after `old` up to `new`; `nil` if there is a leap between them, as its size is unknown.
    static func events(after old: UInt64, to new: UInt64) -> UInt64? { old >> 32 == new >> 32 ? new - old : nil }

    /// The id of an event, or of the place after it.
    func id(_ number: UInt64) -> [UInt8] { epoch + Array("-\(number)".utf8) }

    /// Writes an id line.
    /// - Returns: the length of the id itself, in bytes.
    func writeLine(to memory: UnsafeMutableRawPointer) -> Int {
        let bytes = memory.assumingMemoryBound(to: UInt8.self)
        var at = 0
        func put(_ byte: UInt8) {
            bytes[at] = byte
            at += 1
        }
        for byte in "id: ".utf8 { put(byte) }
        for byte in epoch { put(byte) }
        put(UInt8(ascii: "-"))
        for digit in String(number).utf8 { put(digit) }
        put(UInt8(ascii: "\n"))
        return at - 5
    }

    /// The number in an id that a hub of this epoch made.
    func number(in id: [UInt8]) -> UInt64? {
        guard id.count > epoch.count + 1, id.count <= epoch.count + 21, id.starts(with: epoch),
            id[epoch.count] == UInt8(ascii: "-")
        else { return nil }
        let digits = id[(epoch.count + 1)...]
        guard digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }

    /// `true` for an id that any hub may have made: such an id means nothing to a producer.
    static func isHostMade(_ id: String) -> Bool {
        let parts = id.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0].count == epochDigits && parts[0].allSatisfy(isEpochDigit)
            && !parts[1].isEmpty && parts[1].count <= 20 && parts[1].allSatisfy { $0 >= 48 && $0 <= 57 }
    }

    private static let epochDigits = 12
    private static func isEpochDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...122).contains(byte) }

    /// A new epoch: the wall clock at the start in microseconds, combined with a count, in base 36. As long as a server
    /// makes fewer than 64 hubs per microsecond of its life, the next server cannot get an epoch that it has used.
    static func newEpoch(microseconds: UInt64, serial: UInt64) -> String {
        let text = String(microseconds &* 64 &+ serial, radix: 36)
        return String(repeating: "0", count: max(0, epochDigits - text.count)) + text.suffix(epochDigits)
    }
}
