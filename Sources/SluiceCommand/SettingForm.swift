import Control
import Logging

/// How a setting's value is written: what reads it, and what to call it in messages.
struct SettingForm<Value: Sendable>: Sendable {
    /// What stands for the value in the help: `--keep-alive <time>`.
    let placeholder: String
    /// What is accepted, as a noun: "a whole number from 1 to 255".
    let expectation: String
    /// `nil` for what is not accepted.
    let parse: @Sendable (String) -> Value?
}

extension SettingForm where Value == Int {
    static func count(_ range: ClosedRange<Int>) -> Self {
        Self(
            placeholder: "count", expectation: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            parse: { text in Quantity(text, units: []).flatMap { $0.whole(within: range) } })
    }

    static func bytes(_ range: ClosedRange<Int>) -> Self {
        Self(
            placeholder: "bytes",
            expectation: "a number of bytes from \(Quantity.bytes(range.lowerBound)) to "
                + "\(Quantity.bytes(range.upperBound)) ('65536', '64k', '1M')",
            parse: { text in Quantity(text, units: Quantity.byteUnits).flatMap { $0.whole(within: range) } })
    }
}

extension SettingForm where Value == Int64 {
    /// A time in nanoseconds. A number without unit is seconds.
    /// - Parameter meansNever: what 0 stands for, if it is accepted beside the range.
    static func time(_ range: ClosedRange<Duration>, zero meansNever: String? = nil) -> Self {
        let bounds = range.lowerBound.nanoseconds...range.upperBound.nanoseconds
        let zero = meansNever.map { ", or 0 for \($0)" } ?? ""
        return Self(
            placeholder: "time",
            expectation:
                "a time from \(Quantity.time(bounds.lowerBound)) to \(Quantity.time(bounds.upperBound))\(zero) "
                + "('15' and '15s' are seconds; '500ms', '2m', '1h')",
            parse: { text in
                guard let quantity = Quantity(text, units: Quantity.timeUnits) else { return nil }
                let unit = quantity.unit ?? Quantity.nanosecondsPerSecond
                guard let value = quantity.scaled(by: unit) else { return nil }
                // Only what is written as 0 is 0, which may mean never; not what is too small to count.
                if quantity.isZero { return bounds.contains(0) || meansNever != nil ? 0 : nil }
                return value > 0 && bounds.contains(value) ? value : nil
            })
    }
}

extension SettingForm where Value == Int64 {
    /// A time in nanoseconds from 0 to a limit, or "forever".
    static func timeOrForever(_ limit: Duration) -> Self {
        let time = Self.time(.zero...limit)
        return Self(placeholder: "time", expectation: time.expectation + ", or forever") { text in
            text == "forever" ? .max : time.parse(text)
        }
    }
}

extension SettingForm where Value == Bool {
    /// A flag that is on unless it is switched off, and so has a value on the command line, too.
    static var choice: Self { Self(placeholder: "true|false", expectation: flag.expectation, parse: flag.parse) }

    static var flag: Self {
        Self(placeholder: "", expectation: "true or false") { text in
            switch text {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: nil
            }
        }
    }
}

extension SettingForm where Value == String {
    static var path: Self {
        Self(placeholder: "dir", expectation: "a directory") { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
    }

    /// Empty for the standard place.
    static var socketPath: Self {
        Self(
            placeholder: "path",
            expectation: "a path of at most \(ControlPath.bytesMax) bytes, or '\(ControlPath.none)'"
        ) { $0.utf8.contains(0) || $0.utf8.count > ControlPath.bytesMax ? nil : $0 }
    }
}

extension SettingForm where Value == ListenAddress {
    static var address: Self {
        Self(placeholder: "host:port", expectation: ListenAddress.expectation, parse: ListenAddress.init(_:))
    }
}

extension SettingForm where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static func oneOf(placeholder: String) -> Self {
        let names = Value.allCases.map(\.rawValue)
        return Self(
            placeholder: placeholder,
            expectation: names.dropLast().joined(separator: ", ") + " or " + (names.last ?? ""),
            parse: Value.init(rawValue:))
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        components.seconds * Quantity.nanosecondsPerSecond + components.attoseconds / 1_000_000_000
    }
}
