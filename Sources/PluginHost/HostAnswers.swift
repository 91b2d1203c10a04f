import CSluice
import EventStream

/// What `open` says beside its return value, and what is said later in its place.
enum HostAnswers {
    static func setHeader(
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
        guard opening.addHeader(StreamRequest.Field(name, value)) else {
            HostLog.misuse("set_header", "was called more than \(ResponseHeader.countMax) times", stream: token)
            return false
        }
        return true
    }

    static func opened(_ stream: OpaquePointer?, _ status: Int32) {
        guard let opening = HandleLookUp.opening(stream, "opened"), let token = StreamToken(stream) else { return }
        switch opening.opened(status) {
        case .held: return
        case .repeated: HostLog.misuse("opened", "was called twice", stream: token)
        case .outcome(let outcome):
            // Before the runtime is told, which may call the plugin at once.
            StreamTables.opening.remove(token)
            if !outcome.isOpened { StreamClosures.retire(token) }
            if ConnectedRuntime.ask({ $0.opened(token, outcome) }) != true {
                HostLog.misuse("opened", "was called for a stream that has no open pending", stream: token)
            }
        }
    }

    /// What a stream may hand over to the next generation. Bytes.
    static let savedBytesMax = 1 << 20

    static func save(_ stream: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ length: Int) -> Bool {
        guard let token = HandleLookUp.liveToken(stream, "save") else { return false }
        guard StreamTables.saving[token] != nil else {
            HostLog.misuse("save", "was called outside of save", stream: token)
            return false
        }
        guard bytes != nil || length == 0 else {
            HostLog.misuse("save", "was given no bytes", stream: token)
            return false
        }
        // A size_t beyond Int.max is negative here.
        guard (0...savedBytesMax).contains(length) else {
            HostLog.misuse("save", "was given more than \(savedBytesMax) bytes", stream: token)
            return false
        }
        StreamTables.saving[token] = .some(Array(UnsafeRawBufferPointer(start: bytes, count: length)))
        return true
    }
}
