/// A decimal number with an optional unit, such as `1.5`, `500ms` or `64k`, without rounding.
struct Quantity {
    /// The number is `digits / 10^decimals`.
    private let digits: Int64
    private let decimals: Int
    /// The size of the unit; `nil` if there is none.
    let unit: Int64?

    static let nanosecondsPerSecond: Int64 = 1_000_000_000
    static let timeUnits: [(name: String, size: Int64)] = [
        ("ms", nanosecondsPerSecond / 1000), ("s", nanosecondsPerSecond), ("m", 60 * nanosecondsPerSecond),
        ("h", 3600 * nanosecondsPerSecond), ("d", 86400 * nanosecondsPerSecond),
    ]
    static let byteUnits: [(name: String, size: Int64)] = [
        ("k", 1 << 10), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30),
    ]

    /// The most decimals for which `scaled` is exact. Real settings have fewer.
    static let decimalsMax = 18

    /// - Parameter units: the units that can follow the number.
    init?(_ text: String, units: [(name: String, size: Int64)]) {
        let number = text.prefix { $0.isASCII && $0.isWholeNumber || $0 == "." }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = parts.first, !whole.isEmpty, parts.last?.isEmpty == false,
            let digits = Int64(parts.joined()), parts.count == 1 || parts[1].count <= Self.decimalsMax
        else { return nil }
        let suffix = text[number.endIndex...]
        if suffix.isEmpty {
            unit = nil
        } else {
            guard let known = units.first(where: { $0.name == suffix }) else { return nil }
            unit = known.size
        }
        self.digits = digits
        decimals = parts.count == 2 ? parts[1].count : 0
    }

    var isZero: Bool { digits == 0 }

    /// The number times `size`, rounded down; `nil` if it is too large.
    func scaled(by size: Int64) -> Int64? {
        var divisor: Int128 = 1
        for _ in 0..<decimals { divisor *= 10 }
        return Int64(exactly: Int128(digits) * Int128(size) / divisor)
    }

    /// The number times its unit, if that is whole and within the range.
    func whole(within range: ClosedRange<Int>) -> Int? {
        guard decimals == 0, let value = scaled(by: unit ?? 1) else { return nil }
        return range.contains(Int(value)) ? Int(value) : nil
    }

    /// A time as a person would write it: "10ms", "1h".
    static func time(_ time: Duration) -> String {
        let nanoseconds = time.nanoseconds
        return spelled(nanoseconds, units: timeUnits) ?? (nanoseconds == 0 ? "0" : "\(nanoseconds)ns")
    }

    static func bytes(_ count: Int) -> String {
        spelled(Int64(count), units: byteUnits.filter { $0.name != "K" }) ?? "\(count)"
    }

    /// The value in the largest unit that leaves a whole number.
    private static func spelled(_ value: Int64, units: [(name: String, size: Int64)]) -> String? {
        guard value > 0, let unit = units.last(where: { value.isMultiple(of: $0.size) }) else { return nil }
        return "\(value / unit.size)\(unit.name)"
    }
}

extension Duration {
    /// "forever" in settings.
    package static let forever = Duration.nanoseconds(Int64.max)

    /// At most 292 years. Fractions of a nanosecond are cut off.
    package var nanoseconds: Int64 {
        components.seconds * Quantity.nanosecondsPerSecond + components.attoseconds / 1_000_000_000
    }
}
