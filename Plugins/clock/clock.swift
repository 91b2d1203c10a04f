// clock: the time of day, whenever a full `interval` of the wall clock has passed.
//
// What it teaches: a Swift plugin that uses `sluice.h` directly. `@c` gives the entry its C name. The functions that
// the host calls are closures without captures, which convert to C function pointers. A stream's state is memory that
// open allocates and close frees. The descriptors, which the host may read at any time, are allocated once and never
// freed. No Swift object crosses the interface, and no input makes this code trap, because a trap would end the host.

public import CSluice
import Glibc

/// Set by the entry before anything else runs, and never changed again.
nonisolated(unsafe) private var host: UnsafePointer<sluice_host>!

/// The state of one stream. All times are in milliseconds; points in time are since 1970.
private struct Clock {
    let interval: Int64
    /// The last full interval that was sent; at first the one in which the stream was opened.
    var announced: Int64
    /// Lent to the host until the stream's next call.
    let text: UnsafeMutableBufferPointer<UInt8>
}

// MARK: - The producer's functions

private let open: @convention(c) (OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>, Double) -> Int32 = {
    stream, state, interval in
    let milliseconds = Int64(interval * 1000)
    let clock = UnsafeMutablePointer<Clock>.allocate(capacity: 1)
    clock.initialize(
        to: Clock(
            interval: milliseconds, announced: lastMultiple(of: milliseconds, before: now()),
            text: .allocate(capacity: 128)))
    state.pointee = UnsafeMutableRawPointer(clock)
    return Int32(SLUICE_OPEN_OK)
}

private let next: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<sluice_event>?) -> Int32 = {
    state, event in
    guard let clock = state?.assumingMemoryBound(to: Clock.self), let event else { return Int32(SLUICE_NEXT_ERROR) }
    let now = now()
    let due = lastMultiple(of: clock.pointee.interval, before: now)
    // Computed from the wall clock each time, so that delays do not add up, and changes of the clock are followed.
    event.pointee.wait_ms = due + clock.pointee.interval - now
    guard due != clock.pointee.announced else { return Int32(SLUICE_NEXT_WAIT) }
    clock.pointee.announced = due

    let json = "{\"time\":\"\(iso8601(due))\",\"epoch_ms\":\(due)}"
    let end = clock.pointee.text.update(fromContentsOf: json.utf8)
    event.pointee.data = UnsafeRawPointer(clock.pointee.text.baseAddress)?.assumingMemoryBound(to: CChar.self)
    event.pointee.data_length = end
    return Int32(SLUICE_NEXT_EVENT)
}

private let close: @convention(c) (UnsafeMutableRawPointer?, Int32) -> Int32 = { state, _ in
    guard let clock = state?.assumingMemoryBound(to: Clock.self) else { return Int32(SLUICE_CLOSED) }
    clock.pointee.text.deallocate()
    clock.deinitialize(count: 1).deallocate()
    return Int32(SLUICE_CLOSED)
}

// MARK: - Time

private func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

private func lastMultiple(of interval: Int64, before time: Int64) -> Int64 {
    let remainder = time % interval
    return time - (remainder < 0 ? remainder + interval : remainder)
}

/// "2026-11-23T08:30:00.000Z".
private func iso8601(_ time: Int64) -> String {
    let second = lastMultiple(of: 1000, before: time)
    var seconds = time_t(second / 1000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let day = "\(parts.tm_year + 1900)-\(digits(parts.tm_mon + 1))-\(digits(parts.tm_mday))"
    let hour = "\(digits(parts.tm_hour)):\(digits(parts.tm_min)):\(digits(parts.tm_sec))"
    return "\(day)T\(hour).\(digits(Int32(time - second), width: 3))Z"
}

private func digits(_ number: Int32, width: Int = 2) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
}

// MARK: - The entry

/// A literal lives as long as the image and ends with a NUL, so it need not be copied.
private func text(_ literal: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
}

/// A copy of the value that is never freed.
private func forever<Value>(_ value: Value) -> UnsafePointer<Value> {
    let memory = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    memory.initialize(to: value)
    return UnsafePointer(memory)
}

nonisolated(unsafe) private let producer = forever(
    sluice_producer(
        struct_size: UInt32(MemoryLayout<sluice_producer>.size), flags: UInt32(SLUICE_NONBLOCKING),
        name: text("clock"), route: nil, description: text("The time, at each full `interval` of the wall clock"),
        parameters: text("interval: f64 in 0.01...86400 = 1.0"), open: unsafeBitCast(open, to: sluice_function.self),
        next: next,
        close: close, interrupt: nil, save: nil))

nonisolated(unsafe) private let plugin = forever(
    sluice_plugin(
        magic: SLUICE_MAGIC, abi_major: SLUICE_ABI_MAJOR, abi_minor: SLUICE_ABI_MINOR,
        struct_size: UInt32(MemoryLayout<sluice_plugin>.size),
        name: text("clock"), version: text("1.0.0"), description: text("Tells the time, in Swift"),
        producers: forever(producer), producer_count: 1, shutdown: nil))

@c(sluice_plugin_entry)
public func pluginEntry(_ offered: UnsafePointer<sluice_host>?) -> UnsafePointer<sluice_plugin>? {
    host = offered
    return plugin
}
