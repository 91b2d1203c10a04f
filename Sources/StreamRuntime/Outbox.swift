/// What only few connections need besides their record: bytes that were not taken yet, and a sink if there is no
/// socket.
final class Outbox {
    let sink: (any FrameSink)?
    private var memory: UnsafeMutableRawPointer?
    private var start = 0
    private var end = 0

    init(sink: (any FrameSink)? = nil) { self.sink = sink }

    deinit { memory?.deallocate() }

    var isEmpty: Bool { start == end }

    /// What waits to be sent; valid until the next change.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory.map { $0 + start }, count: end - start) }

    func append(_ more: UnsafeRawBufferPointer) {
        guard let added = more.baseAddress, more.count > 0 else { return }
        let waiting = bytes
        let larger = UnsafeMutableRawPointer.allocate(byteCount: waiting.count + more.count, alignment: 16)
        if let first = waiting.baseAddress { larger.copyMemory(from: first, byteCount: waiting.count) }
        (larger + waiting.count).copyMemory(from: added, byteCount: more.count)
        memory?.deallocate()
        (memory, start, end) = (larger, 0, waiting.count + more.count)
    }

    /// Removes bytes that were sent.
    func drop(_ count: Int) {
        start += count
        if isEmpty { removeAll() }
    }

    func removeAll() {
        memory?.deallocate()
        (memory, start, end) = (nil, 0, 0)
    }
}
