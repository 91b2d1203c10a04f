/// How a setting's value is written: how to parse it, and what messages call it.
package struct SettingForm<Value: Sendable>: Sendable {
    /// The placeholder for the value in the help: `--keep-alive <time>`.
    let placeholder: String
    /// The accepted values, as a noun: "a whole number from 1 to 255".
    let expectation: String
    /// `--watch` and `--no-watch` instead of a value.
    var isSwitch = false
    /// Several values, separated by commas; the option can be repeated, and the file can have a sequence.
    var isList = false
    /// Each value of the list is a pair, `name=value`, for which the file can have a mapping.
    var hasPairs = false
    /// The part of an invalid text that is invalid; `nil`: all of it.
    var invalidPart: (@Sendable (String) -> String)?
    /// Returns `nil` if the text is not a valid value.
    let parse: @Sendable (String) -> Value?
}

extension SettingForm {
    /// - Parameter none: the text for an empty list; `nil`: the list must not be empty.
    package static func list<Item>(of item: SettingForm<Item>, none: String? = "") -> Self where Value == [Item] {
        let items: @Sendable (String) -> [String] = { text in
            text == none ? [] : text.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmed }
        }
        return Self(
            placeholder: item.placeholder, expectation: item.expectation, isList: true,
            invalidPart: { text in items(text).first { item.parse($0) == nil } ?? text },
            parse: { text in
                let values = items(text).map(item.parse)
                return values.contains { $0 == nil } ? nil : values.compactMap(\.self)
            })
    }

    /// A list of `name=value`.
    package static func pairs<Item>(of item: SettingForm<Item>) -> Self where Value == [Item] {
        var form = list(of: item)
        form.hasPairs = true
        return form
    }
}

extension SettingForm where Value == Int {
    package static func count(_ range: ClosedRange<Int>) -> Self {
        Self(
            placeholder: "count", expectation: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            parse: { text in Quantity(text, units: []).flatMap { $0.whole(within: range) } })
    }

    package static func bytes(_ range: ClosedRange<Int>) -> Self {
        Self(
            placeholder: "bytes",
            expectation: "a number of bytes from \(Quantity.bytes(range.lowerBound)) to "
                + "\(Quantity.bytes(range.upperBound)) ('65536', '64k', '1M')",
            parse: { text in Quantity(text, units: Quantity.byteUnits).flatMap { $0.whole(within: range) } })
    }
}

extension SettingForm where Value == Duration {
    /// A number without a unit is in seconds.
    /// - Parameter meaning: what 0 stands for, if it is accepted in addition to the range.
    package static func time(_ range: ClosedRange<Duration>, zero meaning: String? = nil) -> Self {
        let zero = meaning.map { ", or 0 for \($0)" } ?? ""
        return Self(
            placeholder: "time",
            expectation:
                "a time from \(Quantity.time(range.lowerBound)) to \(Quantity.time(range.upperBound))\(zero) "
                + "('15' and '15s' are seconds; '500ms', '2m', '1h')",
            parse: { text in
                guard let quantity = Quantity(text, units: Quantity.timeUnits) else { return nil }
                let unit = quantity.unit ?? Quantity.nanosecondsPerSecond
                guard let value = quantity.scaled(by: unit).map(Duration.nanoseconds) else { return nil }
                // Only a written 0 is 0, which can mean never; a time too short to represent is invalid.
                if quantity.isZero { return range.contains(.zero) || meaning != nil ? .zero : nil }
                return value > .zero && range.contains(value) ? value : nil
            })
    }

    /// A time from 0 to a limit, or "forever".
    package static func timeOrForever(_ limit: Duration) -> Self {
        let time = Self.time(.zero...limit)
        return Self(placeholder: "time", expectation: time.expectation + ", or forever") { text in
            text == "forever" ? .forever : time.parse(text)
        }
    }
}

extension SettingForm where Value == Bool {
    package static var flag: Self {
        Self(placeholder: "", expectation: "true or false", isSwitch: true) { text in
            switch text {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: nil
            }
        }
    }

    /// A flag that is on by default. Its option takes a value, so that the command line can switch it off.
    package static var choice: Self {
        Self(placeholder: "true|false", expectation: flag.expectation, parse: flag.parse)
    }
}

extension SettingForm where Value == String {
    package static var path: Self {
        Self(placeholder: "dir", expectation: "a directory") { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
    }

    /// The path of a socket; empty for the standard path, `none` for no socket.
    package static var socketPath: Self {
        let bytesMax = ListenAddress.pathBytesMax
        return Self(placeholder: "path", expectation: "a path of at most \(bytesMax) bytes, or 'none'") {
            $0.utf8.contains(0) || $0.utf8.count > bytesMax ? nil : $0
        }
    }
}

extension SettingForm where Value == ListenAddress {
    package static var address: Self {
        Self(placeholder: "address", expectation: ListenAddress.expectation, parse: ListenAddress.init(_:))
    }
}

extension SettingForm where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the raw values of the type's cases.
    package static func oneOf(placeholder: String) -> Self {
        let names = Value.allCases.map(\.rawValue)
        return Self(
            placeholder: placeholder,
            expectation: names.dropLast().joined(separator: ", ") + " or " + (names.last ?? ""),
            parse: Value.init(rawValue:))
    }
}
