import CSluice
import ProducerInterface

/// Finds what a handle that a plugin passes stands for.
enum HandleLookUp {
    /// - Returns: `nil`, after a log line, if the stream is over.
    static func liveToken(_ stream: OpaquePointer?, _ function: StaticString) -> StreamToken? {
        guard let token = StreamToken(stream), ConnectedRuntime.ask({ $0.isLive(token) }) == true else {
            HostLog.stale(function, stream: stream)
            return nil
        }
        return token
    }

    /// - Returns: `nil`, after a log line, if the stream's open has its answer.
    static func opening(_ stream: OpaquePointer?, _ function: StaticString) -> OpeningStream? {
        guard let token = StreamToken(stream) else {
            HostLog.stale(function, stream: stream)
            return nil
        }
        if let opening = StreamMaps.opening[token] { return opening }
        if liveToken(stream, function) != nil {
            HostLog.misuse(function, "was called after open had answered", stream: token)
        }
        return nil
    }

    static func lend(
        _ stream: OpaquePointer?, _ function: StaticString, _ item: OpeningStream.Item
    ) -> LentBytes? {
        var lent: LentBytes?
        HostThread.shared.withRoom { lent = opening(stream, function)?.lend(item) }
        return lent
    }

    static func lendBytes(
        _ stream: OpaquePointer?, _ function: StaticString, _ item: OpeningStream.Item,
        _ length: UnsafeMutablePointer<Int>?
    ) -> UnsafeRawPointer? {
        let lent = lend(stream, function, item)
        length?.pointee = lent?.count ?? 0
        guard let lent else { return nil }
        return UnsafeRawPointer(lent.start)
    }

    static func lendNamed(
        _ stream: OpaquePointer?, _ function: StaticString, _ name: UnsafePointer<CChar>?,
        _ item: (String) -> OpeningStream.Item
    ) -> UnsafePointer<CChar>? {
        var start: UnsafePointer<CChar>?
        HostThread.shared.withRoom {
            guard let opening = opening(stream, function), let name = PluginText.key(name) else { return }
            start = opening.lend(item(name))?.start
        }
        return start
    }
}
