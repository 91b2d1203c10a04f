@_exported public import CSluice

/// Declares a plugin's producers: the last line of each plugin in Swift.
///
///     @c(sluice_plugin_entry)
///     public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? {
///         export(Hello.self, to: host)
///     }
///
/// - Parameters:
///   - producers: `Producer`s and `PollingProducer`s.
///   - plugin: the plugin's name, unique among those that a server loads; by default, the name of its first producer.
///   - version: the plugin's version, for people.
///   - summary: one line that describes the plugin, for people.
///   - host: the argument of the entry.
/// - Returns: `nil` if the producers cannot be served; the server's log has the reason.
public func export(
    _ producers: any ProducerDeclaration.Type..., plugin: String? = nil, version: String? = nil, summary: String? = nil,
    to host: UnsafePointer<sluice_host>
) -> UnsafePointer<sluice_plugin>? {
    // A host of before version 1.0 has no way to tell whose stream is opened.
    guard Int(host.pointee.struct_size) >= Host.tableSizeMin else {
        host.pointee.log(nil, 3, "this plugin needs a newer server: it was built with a later sluice.h")
        return nil
    }
    Host.connect(host)
    var declared: [UnsafePointer<sluice_producer>?] = []
    for type in producers {
        do {
            declared.append(try declare(type))
        } catch {
            Host.log("\(type): \(error)", level: SLUICE_LOG_ERROR, stream: nil)
            return nil
        }
    }
    let list = UnsafeMutableBufferPointer<UnsafePointer<sluice_producer>?>.allocate(capacity: declared.count)
    _ = list.initialize(from: declared)
    // This library does without what an older host does not have, so it suits that host's version as well.
    let minor = min(SLUICE_ABI_MINOR, host.pointee.abi_minor)
    let described = forever(
        sluice_plugin(
            magic: SLUICE_MAGIC, abi_major: SLUICE_ABI_MAJOR, abi_minor: minor,
            struct_size: UInt32(MemoryLayout<sluice_plugin>.size),
            name: forever(plugin ?? producers.first?.name ?? ""), version: version.map(forever),
            description: summary.map(forever), producers: UnsafePointer(list.baseAddress),
            producer_count: declared.count, shutdown: nil))
    Host.keep(described)
    return described
}

private func declare(_ type: any ProducerDeclaration.Type) throws -> UnsafePointer<sluice_producer> {
    switch type {
    case let type as any Producer.Type: try declare(sequence: type)
    case let type as any PollingProducer.Type: try declare(polling: type)
    default: throw NotAProducer()
    }
}

private struct NotAProducer: Error, CustomStringConvertible {
    var description: String { "conform to Producer or to PollingProducer" }
}

private func declare<P: Producer>(sequence type: P.Type) throws -> UnsafePointer<sluice_producer> {
    let (names, signature) = try ParameterBinding.signature(of: type)
    return block(type, signature, flags: SLUICE_NONBLOCKING) { SequenceStream<P>($0, parameters: names) }
}

private func declare<P: PollingProducer>(polling type: P.Type) throws -> UnsafePointer<sluice_producer> {
    let (names, signature) = try ParameterBinding.signature(of: type)
    return block(type, signature, flags: type.options.contains(.blocking) ? 0 : SLUICE_NONBLOCKING) {
        PollingStream<P>($0, parameters: names)
    }
}

/// A descriptor as the server reads it, and behind it, out of its sight, what makes the producer's streams.
private struct ProducerBlock {
    let descriptor: sluice_producer
    let makeStream: (OpaquePointer) -> StreamState
}

private func block(
    _ type: any ProducerDeclaration.Type, _ signature: String, flags: some BinaryInteger,
    _ makeStream: @escaping (OpaquePointer) -> StreamState
) -> UnsafePointer<sluice_producer> {
    let declared = UInt32(flags) | UInt32(SLUICE_PLAIN_OPEN) | (type.options.rawValue & 0xffff)
    let block = forever(
        ProducerBlock(
            descriptor: sluice_producer(
                struct_size: UInt32(MemoryLayout<sluice_producer>.size), flags: declared, name: forever(type.name),
                route: forever(type.route), description: type.summary.isEmpty ? nil : forever(type.summary),
                parameters: forever(signature), open: unsafeBitCast(openStream, to: sluice_function.self),
                next: nextEvent, close: closeStream, interrupt: interruptStream,
                save: type is any Restorable.Type ? saveStream : nil),
            makeStream: makeStream))
    return UnsafeRawPointer(block).assumingMemoryBound(to: sluice_producer.self)
}

// MARK: - The functions of every producer

private let openStream: @convention(c) (OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> Int32 = {
    stream, state in
    guard let stream, let state, let declared = Host.table.pointee.producer(stream) else {
        return Int32(SLUICE_OPEN_REJECT)
    }
    let block = UnsafeRawPointer(declared).assumingMemoryBound(to: ProducerBlock.self)
    let opened = block.pointee.makeStream(stream)
    let kept = Unmanaged.passRetained(opened)
    state.pointee = kept.toOpaque()
    let answer = opened.open()
    if answer != Int32(SLUICE_OPEN_OK), answer != Int32(SLUICE_OPEN_PENDING) {
        state.pointee = nil
        kept.release()
    }
    return answer
}

private let nextEvent: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<sluice_event>?) -> Int32 = {
    state, event in
    guard let state, let event else { return Int32(SLUICE_NEXT_ERROR) }
    return streamState(state).next(event)
}

private let closeStream: @convention(c) (UnsafeMutableRawPointer?, Int32) -> Int32 = { state, reason in
    guard let state else { return Int32(SLUICE_CLOSED) }
    let answer = streamState(state).close(CloseReason(rawValue: reason) ?? .unknown)
    if answer == Int32(SLUICE_CLOSED) { Unmanaged<StreamState>.fromOpaque(state).release() }
    return answer
}

private let interruptStream: @convention(c) (UnsafeMutableRawPointer?) -> Void = { state in
    if let state { streamState(state).interrupt() }
}

private let saveStream: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void = { state, _ in
    if let state { streamState(state).save() }
}

private func streamState(_ state: UnsafeMutableRawPointer) -> StreamState {
    Unmanaged<StreamState>.fromOpaque(state).takeUnretainedValue()
}

// MARK: - What the server may read for ever

private func forever<Value>(_ value: Value) -> UnsafePointer<Value> {
    let memory = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    memory.initialize(to: value)
    return UnsafePointer(memory)
}

private func forever(_ text: String) -> UnsafePointer<CChar> {
    let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.utf8.count + 1)
    _ = copy.initialize(from: text.utf8.map(CChar.init(bitPattern:)) + [0])
    return UnsafePointer(copy.baseAddress.unsafelyUnwrapped)
}
