import CSluice
import ProducerInterface

/// What `open` answers in addition to its return value, and answers that come later.
enum HostAnswers {
    static func setHeader(
        _ stream: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
    ) -> Bool {
        var isSet = false
        HostThread.shared.withRoom { isSet = addHeader(stream, name, value) }
        return isSet
    }

    private static func addHeader(
        _ stream: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
    ) -> Bool {
        guard let opening = HandleLookUp.opening(stream, "set_header") else { return false }
        let token = StreamToken(stream)
        guard let name = PluginText.key(name, bytesMax: ResponseHeader.nameBytesMax),
            let value = PluginText.key(value, bytesMax: ResponseHeader.valueBytesMax)
        else {
            HostLog.misuse("set_header", "was given a name or value that is NULL, too long or not UTF-8", stream: token)
            return false
        }
        if let objection = ResponseHeader.objection(to: name, value) {
            HostLog.misuse("set_header", objection, stream: token)
            return false
        }
        guard opening.setHeader(StreamRequest.Field(name, value)) else {
            HostLog.misuse("set_header", "has added \(ResponseHeader.countMax) headers already", stream: token)
            return false
        }
        return true
    }

    static func opened(_ stream: OpaquePointer?, _ status: Int32) {
        var answer: OpenOutcome?
        HostThread.shared.withRoom { answer = outcome(of: stream, status) }
        guard let answer, let token = StreamToken(stream) else { return }
        // On this thread, because a refusal does not wait for a call that it is made from.
        guard ConnectedRuntime.ask({ $0.opened(token, answer) }) == true else {
            return HostLog.misuse("opened", "was called for a stream that has no open pending", stream: token)
        }
        // Functions that another thread has made meanwhile.
        if !answer.isOpened { HostThread.shared.withRoom { StreamClosures.retire(token) } }
    }

    /// - Returns: `nil` if there is nothing to pass to the runtime.
    private static func outcome(of stream: OpaquePointer?, _ status: Int32) -> OpenOutcome? {
        guard let opening = HandleLookUp.opening(stream, "opened"), let token = StreamToken(stream) else { return nil }
        switch opening.opened(status) {
        case .held: return nil
        case .repeated:
            HostLog.misuse("opened", "was called twice", stream: token)
            return nil
        case .outcome(let outcome):
            // Before the runtime gets the answer: it may call the plugin at once.
            StreamMaps.opening.remove(token)
            if !outcome.isOpened { StreamClosures.retire(token) }
            return outcome
        }
    }

    static func closed(_ stream: OpaquePointer?) {
        guard let token = StreamToken(stream), ConnectedRuntime.ask({ $0.isLive(token) }) == true else {
            return HostLog.stale("closed", stream: stream)
        }
        // Before the runtime knows: the generation may end right after that.
        HostThread.shared.withRoom { StreamClosures.retireIfClosing(token) }
        guard ConnectedRuntime.ask({ $0.closed(token) }) == true else {
            return HostLog.misuse("closed", "was called for a stream whose close is not in progress", stream: token)
        }
        // Functions that another thread has made meanwhile.
        HostThread.shared.withRoom { StreamClosures.retire(token) }
    }

    /// How much a stream may pass to the next generation, in bytes.
    static let savedBytesMax = 1 << 20

    static func save(_ stream: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ length: Int) -> Bool {
        var isSaved = false
        HostThread.shared.withRoom { isSaved = keep(bytes, length, of: stream) }
        return isSaved
    }

    private static func keep(_ bytes: UnsafeRawPointer?, _ length: Int, of stream: OpaquePointer?) -> Bool {
        guard let token = HandleLookUp.liveToken(stream, "save") else { return false }
        guard bytes != nil || length == 0 else {
            HostLog.misuse("save", "was given no bytes", stream: token)
            return false
        }
        // A size_t beyond Int.max is negative here.
        guard (0...savedBytesMax).contains(length) else {
            HostLog.misuse("save", "was given more than \(savedBytesMax) bytes", stream: token)
            return false
        }
        // In one step, because another thread may call this just when `save` returns.
        guard StreamMaps.saving.replace(token, with: Array(UnsafeRawBufferPointer(start: bytes, count: length)))
        else {
            HostLog.misuse("save", "was called outside of save", stream: token)
            return false
        }
        return true
    }
}
