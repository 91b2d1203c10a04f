import Locks

/// The parts of a stream that other threads can access: its gate, the gate's lock, and the mark of its wakes, in 32
/// bytes.
///
/// Each of these has its own address, and they are not members of one struct: to the language, a change of the gate
/// would be an access to the whole struct, but the mark is used without the lock.
struct StreamCell {
    static let bytes = 32
    private static let lockOffset = 20
    private static let markOffset = 24

    private let memory: UnsafeMutableRawPointer

    /// - Parameter memory: 32 bytes, aligned to 8.
    @inline(__always)
    init(at memory: UnsafeMutableRawPointer) { self.memory = memory }

    private var gate: UnsafeMutablePointer<StreamGate> { memory.assumingMemoryBound(to: StreamGate.self) }
    private var lock: UnsafeMutablePointer<QuickLock> {
        (memory + Self.lockOffset).assumingMemoryBound(to: QuickLock.self)
    }
    var mark: UnsafeMutablePointer<WakeMark> { (memory + Self.markOffset).assumingMemoryBound(to: WakeMark.self) }

    func initialize() {
        precondition(
            MemoryLayout<StreamGate>.size <= Self.lockOffset
                && MemoryLayout<QuickLock>.size <= Self.markOffset - Self.lockOffset
                && MemoryLayout<WakeMark>.size <= Self.bytes - Self.markOffset, "each fits in its place")
        memory.bindMemory(to: StreamGate.self, capacity: 1).initialize(to: StreamGate())
        (memory + Self.lockOffset).bindMemory(to: QuickLock.self, capacity: 1).initialize(to: QuickLock())
        (memory + Self.markOffset).bindMemory(to: WakeMark.self, capacity: 1).initialize(to: WakeMark())
    }

    func deinitialize() {
        gate.deinitialize(count: 1)
        lock.deinitialize(count: 1)
        mark.deinitialize(count: 1)
    }

    /// Runs the body with the gate.
    @inline(__always)
    func withGate<Result>(_ body: (inout StreamGate) -> Result) -> Result {
        lock.pointee.lock()
        defer {
            mark.pointee.isDirect = gate.pointee.isLive && !gate.pointee.isThreaded
            lock.pointee.unlock()
        }
        return body(&gate.pointee)
    }
}
