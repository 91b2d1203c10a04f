import ProducerInterface

/// Checks whether a request line has the right shape (RFC 9112 §3): a method, a target and a version of HTTP/1. This is
/// for methods that the parser does not know: it stops at their first letter, and would treat a request with another
/// method as no request at all.
struct RequestLineScan {
    enum State {
        case method, target
        /// This many bytes of it have arrived.
        case version(Int)
        case complete
        /// Everything is right up to the version, which is not one of HTTP/1; what follows was not looked at.
        case otherVersion
        /// The line ends after the target, as in HTTP/0.9.
        case noVersion
        case malformed
    }

    private(set) var state = State.method
    private var isPartEmpty = true
    private var isOtherMajor = false

    var isOver: Bool {
        switch state {
        case .complete, .otherVersion, .noVersion, .malformed: true
        case .method, .target, .version: false
        }
    }

    /// - Returns: whether to replace the byte with 1: a minor version that is newer than this server's is read as the
    ///   newest that it knows (RFC 9110 §6.2), and the parser does not do that.
    mutating func take(_ byte: UInt8) -> Bool {
        switch state {
        case .method: takeMethod(byte)
        case .target:
            if byte == UInt8(ascii: " ") {
                state = isPartEmpty ? .malformed : .version(0)
            } else if byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n"), !isPartEmpty {
                state = .noVersion
            } else {
                isPartEmpty = false
                if !(0x21...0x7e ~= byte) { state = .malformed }
            }
        case .version(let count): return takeVersion(byte, at: count)
        case .complete, .otherVersion, .noVersion, .malformed: break
        }
        return false
    }

    private mutating func takeMethod(_ byte: UInt8) {
        // Empty lines may come first.
        if isPartEmpty, byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") { return }
        if byte == UInt8(ascii: " "), !isPartEmpty {
            state = .target
            isPartEmpty = true
        } else if HeaderRules.isTokenByte(byte) {
            isPartEmpty = false
        } else {
            state = .malformed
        }
    }

    /// - Returns: whether the byte is a minor version that is newer than 1.
    private mutating func takeVersion(_ byte: UInt8, at count: Int) -> Bool {
        let start: StaticString = "HTTP/1."
        let isDigit = UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        let isRight: Bool =
            switch count {
            case 5: isDigit
            case ..<start.utf8CodeUnitCount: byte == start.utf8Start[count]
            case start.utf8CodeUnitCount: isDigit
            case start.utf8CodeUnitCount + 1: byte == UInt8(ascii: "\r")
            default: byte == UInt8(ascii: "\n")
            }
        if count == 5 { isOtherMajor = byte != start.utf8Start[count] }
        if !isRight {
            state = .malformed
        } else if count == start.utf8CodeUnitCount, isOtherMajor {
            state = .otherVersion
        } else {
            state = count == start.utf8CodeUnitCount + 2 ? .complete : .version(count + 1)
        }
        return isRight && !isOtherMajor && count == start.utf8CodeUnitCount && byte > UInt8(ascii: "1")
    }
}
