/// A decimal number with or without a unit, such as `1.5`, `500ms` or `64k`, kept exact.
struct Quantity {
    /// The number is `digits / 10^decimals`.
    private let digits: Int64
    private let decimals: Int
    /// What the unit stands for; `nil` if there is none.
    let unit: Int64?

    static let nanosecondsPerSecond: Int64 = 1_000_000_000
    static let timeUnits: [(name: String, size: Int64)] = [
        ("ms", nanosecondsPerSecond / 1000), ("s", nanosecondsPerSecond), ("m", 60 * nanosecondsPerSecond),
        ("h", 3600 * nanosecondsPerSecond), ("d", 86400 * nanosecondsPerSecond),
    ]
    static let byteUnits: [(name: String, size: Int64)] = [
        ("k", 1 << 10), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30),
    ]

    /// As many as keep `scaled` exact; nobody means anything by more.
    static let decimalsMax = 18

    /// - Parameter units: those that may follow the number.
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

    /// The number times `size`; `nil` if it is too large. What is smaller than one is cut off.
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

    /// In the largest unit that leaves a whole number.
    private static func spelled(_ value: Int64, units: [(name: String, size: Int64)]) -> String? {
        guard value > 0, let unit = units.last(where: { value.isMultiple(of: $0.size) }) else { return nil }
        return "\(value / unit.size)\(unit.name)"
    }
}

extension Duration {
    /// "forever" in settings: longer than anything lasts.
    package static let forever = Duration.nanoseconds(Int64.max)

    /// At most 292 years. What is smaller than a nanosecond is cut off.
    package var nanoseconds: Int64 {
        components.seconds * Quantity.nanosecondsPerSecond + components.attoseconds / 1_000_000_000
    }
}
