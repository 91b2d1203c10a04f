import Glibc
import ProducerInterface
import Synchronization

/// Which producer a stream was of, when it is over: for the lines about handles that are used too late.
///
/// Two words for each slot of a loop, one for the stream that has it and one for that before; so they cost memory only for slots that
/// are used, and keep no generation. A handle that is older than that belongs to nobody that is known.
enum StreamOwners {
    /// Slots beyond so many, of all loops, share theirs with others, and push each other out.
    private static let slotCount = 1 << slotBits
    private static let slotBits = 19
    private static let numberBits: UInt64 = 20

    /// 2^64 divided by the golden ratio (Fibonacci hashing).
    private static let mixer: UInt64 = 0x9e37_79b9_7f4a_7c15

    private struct Slot: ~Copyable {
        let last: Atomic<UInt64>
        let previous: Atomic<UInt64>
    }

    /// Pages that nobody has touched are zero, and take no memory; `nil` where there is no address space for them.
    private nonisolated(unsafe) static let slots: UnsafeMutablePointer<Slot>? = {
        let bytes = slotCount * MemoryLayout<Slot>.stride
        let memory = mmap(
            nil, bytes, PROT_READ | PROT_WRITE, Int32(MAP_PRIVATE) | Int32(MAP_ANONYMOUS) | Int32(MAP_NORESERVE), -1, 0)
        guard let memory, memory != MAP_FAILED else { return nil }
        return memory.bindMemory(to: Slot.self, capacity: slotCount)
    }()

    /// - Parameter number: the producer's, which must fit into its bits; another is not remembered.
    static func remember(_ stream: StreamToken, number: Int) {
        guard let slot = slot(of: stream), number + 1 < 1 << numberBits else { return }
        // Nobody else opens a stream on the same slot meanwhile.
        slot.pointee.previous.store(slot.pointee.last.load(ordering: .relaxed), ordering: .relaxed)
        slot.pointee.last.store(tag(of: stream) | UInt64(number + 1), ordering: .relaxed)
    }

    /// The number of the stream's producer, if it is known.
    static func number(of stream: StreamToken) -> Int? {
        guard let slot = slot(of: stream) else { return nil }
        let tag = tag(of: stream)
        let mask = UInt64(1) << numberBits - 1
        for word in [slot.pointee.last.load(ordering: .relaxed), slot.pointee.previous.load(ordering: .relaxed)]
        where word & ~mask == tag && word & mask > 0 {
            return Int(word & mask) - 1
        }
        return nil
    }

    /// Those of one loop lie side by side, so that no more pages are touched than are needed; the loops lie apart from each other, however
    /// many there are.
    private static func slot(of stream: StreamToken) -> UnsafeMutablePointer<Slot>? {
        let first = UInt64(stream.loop) &* mixer >> (64 - slotBits)
        return slots.map { $0 + (Int(first) &+ Int(stream.slot)) & (slotCount - 1) }
    }

    /// Tells streams of one slot, and of those that share it, from each other: the upper bits of their names, mixed.
    private static func tag(of stream: StreamToken) -> UInt64 {
        stream.raw &* mixer & ~(UInt64(1) << numberBits - 1)
    }
}
