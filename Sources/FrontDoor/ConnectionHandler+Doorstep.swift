import Glibc
import NIOCore
import NIOHTTP1

/// A connection's life before it has its handlers.
extension ConnectionHandler {
    /// Not handed over yet, and without handlers.
    var isOnDoorstep: Bool {
        if case .over = phase { return false }
        return context == nil
    }

    /// Opens the stream that the client has asked for, if all that it has sent is one plain request, and that is for a stream.
    /// - Parameter buffer: for what was sent.
    /// - Returns: `false`: nothing was taken from the socket.
    func openFromDoorstep(peeking buffer: UnsafeMutableRawBufferPointer) -> Bool {
        guard settings.allowsHandOver, let descriptor else { return false }
        let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_PEEK | MSG_DONTWAIT))
        guard count > 0, count < buffer.count, count <= settings.maxHeadBytes,
            let head = PlainRequest.head(
                UnsafeRawBufferPointer(rebasing: buffer[..<count]), maxHeaderCount: settings.maxHeaderCount),
            FieldRules.problem(with: head) == nil,
            case .open(let match, let streamRequest) = roster.rules.verdict(on: head, body: [], from: remoteAddress),
            // What was seen is there, unless the connection was reset since: then NIO finds out.
            recv(descriptor, buffer.baseAddress, count, Int32(MSG_DONTWAIT)) == count
        else { return false }
        request = head
        open(match, streamRequest)
        return true
    }

    /// The peer has reset the connection: what NIO would notice, once it watches it. That the peer has ended its sending side (FIN) is no
    /// more than that.
    var isReset: Bool {
        guard let descriptor else { return false }
        // The two that are no wish, but always told.
        var entry = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&entry, 1, 0) == 1 && entry.revents & Int16(POLLERR | POLLHUP) != 0
    }

    /// For nowhere.
    func leaveDoorstep() {
        peerLeft()
        roster.doorstep.leave(self)
        channel.close(promise: nil)
    }

    func addHandlers() throws {
        try channel.syncOptions?.setOption(.recvAllocator, value: Self.readAllocator)
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HeadGuard(of: self))
        try pipeline.addHandler(ByteToMessageHandler(decoder))
        try pipeline.addHandler(self)
    }

    /// What one read takes at most: enough for any usual head, little enough that the answers to a read full of
    /// pipelined requests stay small.
    private static let readAllocator = FixedSizeRecvByteBufferAllocator(capacity: 2048)

    private var decoder: HTTPRequestDecoder {
        // The guard in front counts bytes; these keep the parser to the same limits within a body's trailers.
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = settings.maxHeadBytes
        limits.maxHeaderListSize = settings.maxHeadBytes
        limits.maxHeaderFieldCount = settings.maxHeaderCount
        return HTTPRequestDecoder(limitConfiguration: limits)
    }
}
