import Glibc
import ProducerInterface

/// Reads text in plugin memory with a limit, because it may have no end.
enum PluginText {
    /// A log line, a message for the subscriber: whatever it is, it becomes one line of valid text of at most this many
    /// bytes.
    static let messageBytesMax = 4096

    /// - Returns: `nil` for NULL.
    static func message(_ pointer: UnsafePointer<CChar>?) -> String? {
        pointer.map(line)
    }

    static func line(_ pointer: UnsafePointer<CChar>) -> String {
        let length = strnlen(pointer, messageBytesMax)
        let bytes = UnsafeRawBufferPointer(start: pointer, count: length)
        return onOneLine(String(decoding: bytes, as: UTF8.self))
    }

    /// The name of something that the plugin requests.
    /// - Returns: `nil` for NULL, for text that is not UTF-8, and for text that is too long for any name.
    static func key(_ pointer: UnsafePointer<CChar>?, bytesMax: Int = 1024) -> String? {
        guard let pointer, strnlen(pointer, bytesMax + 1) <= bytesMax else { return nil }
        return String(validatingCString: pointer)
    }

    /// A text that a plugin declares.
    /// - Parameter what: what the text is, for the message.
    static func declared(_ pointer: UnsafePointer<CChar>?, _ what: String, bytesMax: Int) throws(Defect) -> String? {
        guard let pointer else { return nil }
        guard strnlen(pointer, bytesMax + 1) <= bytesMax else {
            throw Defect("\(what) has more than \(bytesMax) bytes", remedy: "shorten it")
        }
        guard let text = String(validatingCString: pointer) else {
            throw Defect("\(what) is not valid UTF-8", remedy: "write it in UTF-8")
        }
        guard !text.unicodeScalars.contains(where: isControl) else {
            throw Defect("\(what) contains a newline or another control character", remedy: "write it on one line")
        }
        return text
    }

    /// The name of a plugin or producer: `[a-z0-9]` and inner `-`, `_`, `.`; at most 64 bytes.
    static func declaredName(_ pointer: UnsafePointer<CChar>?, _ what: String) throws(Defect) -> String {
        guard let name = try declared(pointer, what, bytesMax: 64) else {
            throw Defect("\(what) is missing", remedy: "give it one")
        }
        let isInner = { (byte: UInt8) in "-_.".utf8.contains(byte) }
        let isOuter = { (byte: UInt8) in
            isLetterOrDigit(byte) && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        }
        guard let first = name.utf8.first, let last = name.utf8.last, isOuter(first), isOuter(last),
            name.utf8.allSatisfy({ isOuter($0) || isInner($0) })
        else {
            throw Defect("\(what) is \"\(name)\"", remedy: "use a-z and 0-9, and '-', '_' or '.' between them")
        }
        return name
    }
}

/// The text with each control character replaced by a blank.
func onOneLine(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 }))
}

/// C0, DEL, C1, and the two separators that some readers of logs treat as line ends.
private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) || (0x2028...0x2029).contains(scalar.value)
}
