import NIOCore

/// Connections in the order in which they began to wait, the longest first. Joining, leaving and moving to the end cost
/// the same, however many wait.
///
/// Seats belong to their connections, which leave the line before they go.
struct WaitingLine {
    /// A connection's place in one line.
    final class Seat {
        unowned let connection: ConnectionHandler
        /// When the wait began.
        fileprivate(set) var since = NIODeadline.distantPast
        fileprivate unowned var previous: Seat?
        fileprivate unowned var next: Seat?
        fileprivate var isTaken = false

        init(of connection: ConnectionHandler) {
            self.connection = connection
        }
    }

    private(set) unowned var first: Seat?
    private unowned var last: Seat?
    private(set) var count = 0

    /// Joins at the end, or moves there.
    mutating func join(_ seat: Seat, at now: NIODeadline) {
        leave(seat)
        seat.since = now
        seat.previous = last
        seat.isTaken = true
        last?.next = seat
        if first == nil { first = seat }
        last = seat
        count += 1
    }

    /// Does nothing if it is not there.
    mutating func leave(_ seat: Seat) {
        guard seat.isTaken else { return }
        if let previous = seat.previous { previous.next = seat.next } else { first = seat.next }
        if let next = seat.next { next.previous = seat.previous } else { last = seat.previous }
        seat.previous = nil
        seat.next = nil
        seat.isTaken = false
        count -= 1
    }
}
