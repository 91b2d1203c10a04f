import CLinux
import CommandOutput
import Glibc
import Logging

/// One line of the log, not yet encoded.
struct LogLine {
    let time: timespec
    let level: Logger.Level
    let message: String
    let metadata: Logger.Metadata

    /// Longer messages and values are cut, so that one plugin's text can't displace all others.
    static let textBytesMax = 8 * 1024
    /// These keys come first, so that related lines are aligned; the others follow in alphabetical order.
    private static let leadingKeys = ["plugin", "generation", "producer", "stream", "reason"]

    /// `2026-11-23T03:15:00.123Z info  stream closed plugin=hello reason=disconnected`. Control characters are escaped,
    /// and values are quoted where their end would otherwise be unclear.
    var text: [UInt8] {
        let name = level.rawValue
        var line = timestamp + " " + name + String(repeating: " ", count: max(0, 5 - name.utf8.count)) + " "
        Self.appendEscaped(message, to: &line, quotes: false)
        for (key, value, _) in fields {
            line += " " + key + "="
            let needsQuotes =
                value.isEmpty || value.utf8.contains { $0 <= 0x20 || $0 == 0x7f || "\"=\\".utf8.contains($0) }
            if needsQuotes { line += "\"" }
            Self.appendEscaped(value, to: &line, quotes: needsQuotes)
            if needsQuotes { line += "\"" }
        }
        return Array((line + "\n").utf8)
    }

    /// `{"time":"…","level":"info","message":"stream closed","plugin":"hello","events":7}`: one object, whose values
    /// are strings and numbers.
    var json: [UInt8] {
        var line = "{\"time\":\"\(timestamp)\",\"level\":\"\(level.rawValue)\""
        for (key, value, isNumber) in [("message", Self.cut(message), false)] + fields {
            line += ",\""
            Self.appendEscaped(key, to: &line, quotes: true)
            line += isNumber ? "\":" : "\":\""
            Self.appendEscaped(value, to: &line, quotes: true)
            if !isNumber { line += "\"" }
        }
        return Array((line + "}\n").utf8)
    }

    /// A value is a number if the logging code gave it as one, whatever its text looks like.
    private var fields: [(key: String, value: String, isNumber: Bool)] {
        let ranked = metadata.map {
            (rank: Self.leadingKeys.firstIndex(of: $0) ?? .max, key: $0, value: $1)
        }
        return ranked.sorted { ($0.rank, $0.key) < ($1.rank, $1.key) }.map { _, key, value in
            if case .stringConvertible(let value) = value, value is any BinaryInteger {
                return (key, value.description, true)
            }
            return (key, Self.cut(value.description), false)
        }
    }

    /// UTC, with milliseconds.
    private var timestamp: String {
        let milliseconds = Int(time.tv_nsec / 1_000_000)
        return "\(utcDate(seconds: time.tv_sec))." + String("00\(milliseconds)".suffix(3)) + "Z"
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > textBytesMax else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: textBytesMax)
        while !end.isValid(in: text) { end = text.utf8.index(before: end) }
        return text[..<end] + "…"
    }

    /// Escapes as JSON does; quotes and backslashes only in quoted text.
    private static func appendEscaped(_ text: String, to line: inout String, quotes: Bool) {
        for scalar in cut(text).unicodeScalars {
            if !quotes, scalar == "\"" || scalar == "\\" {
                line.unicodeScalars.append(scalar)
            } else {
                EscapedText.append(scalar, to: &line)
            }
        }
    }
}

extension String.Index {
    fileprivate func isValid(in text: String) -> Bool {
        samePosition(in: text.unicodeScalars) != nil
    }
}
