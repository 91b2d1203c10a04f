import CCalls
import TestSupport
import Testing

@Suite("The record of calls", .onTestThreads)
struct CallRecordTests {
    @Test("a call can be read while it runs, and no longer")
    func oneCall() {
        let record = sluice_call_record_here()
        #expect(read(record) == nil)
        let outer = sluice_call_begin(Callees.clock, .next, 7)
        #expect(read(record) == Read("clock", .next, 7))
        #expect(serial(record) % 2 == 1)
        sluice_call_end(outer)
        #expect(read(record) == nil)
    }

    @Test("after an inner call, the outer one continues with another number")
    func innerCall() {
        let record = sluice_call_record_here()
        let none = sluice_call_begin(Callees.clock, .next, 7)
        let first = serial(record)
        let outer = sluice_call_begin(Callees.tail, .interrupt, 8)
        #expect(read(record) == Read("tail", .interrupt, 8))
        let inner = serial(record)
        sluice_call_end(outer)
        #expect(read(record) == Read("clock", .next, 7))
        #expect(Set([first, inner, serial(record)]).count == 3)
        sluice_call_end(none)
        #expect(read(record) == nil)
    }

    @Test("a callee keeps copies of its texts")
    func callee() {
        #expect(Callees.clock.pointee.producer == nil && Callees.clock.pointee.generation == 1)
        #expect(Callees.tail.pointee.producer.map { String(cString: $0) } == "lines")
        #expect(String(cString: Callees.tail.pointee.plugin) == "tail")
    }

    @Test("another thread reads a complete call or none")
    func otherThread() throws {
        let given = Watched<RecordAddress?>(nil)
        let isOver = Watched(false)
        let mayEnd = Watched(false)
        startThread {
            given.update { $0 = RecordAddress(sluice_call_record_here()) }
            for number in 1...200_000 as ClosedRange<UInt64> {
                let outer = sluice_call_begin(Callees.clock, .next, number * 2)
                if number % 3 == 0 {
                    let clock = sluice_call_begin(Callees.tail, .interrupt, number * 2 + 1)
                    sluice_call_end(clock)
                }
                sluice_call_end(outer)
            }
            isOver.update { $0 = true }
            // The record exists as long as its thread.
            _ = mayEnd.becomes(true, within: .seconds(60))
        }
        let record = try #require(given.wait(.seconds(60), until: { $0 }))
        var broken: [Read] = []
        while !isOver.read({ $0 }) {
            guard let call = read(record.pointer) else { continue }
            let isWhole =
                call.stream % 2 == 0
                ? call.plugin == "clock" && call.function == .next
                : call.plugin == "tail" && call.function == .interrupt
            if !isWhole { broken.append(call) }
        }
        #expect(broken.isEmpty)
        #expect(serial(record.pointer) % 2 == 0)
        mayEnd.update { $0 = true }
    }
}

private struct Read: Equatable, Sendable {
    let plugin: String
    let function: sluice_function
    let stream: UInt64

    init(_ plugin: String, _ function: sluice_function, _ stream: UInt64) {
        (self.plugin, self.function, self.stream) = (plugin, function, stream)
    }
}

private func read(_ record: UnsafePointer<sluice_call_record>) -> Read? {
    var call = sluice_call()
    guard sluice_call_read(record, &call), let callee = call.callee else { return nil }
    return Read(String(cString: callee.pointee.plugin), call.function, call.stream)
}

/// The number is odd while a call runs.
private func serial(_ record: UnsafePointer<sluice_call_record>) -> UInt64 {
    var call = sluice_call()
    _ = sluice_call_read(record, &call)
    return call.serial
}

private struct RecordAddress: @unchecked Sendable {  // the record is made to be read by other threads
    let pointer: UnsafeMutablePointer<sluice_call_record>
    init(_ pointer: UnsafeMutablePointer<sluice_call_record>) { self.pointer = pointer }
}

private enum Callees {
    // Never freed or changed, as calls require.
    nonisolated(unsafe) static let clock = sluice_callee_make("clock", nil, 1)
    nonisolated(unsafe) static let tail = sluice_callee_make("tail", "lines", 2)
}
