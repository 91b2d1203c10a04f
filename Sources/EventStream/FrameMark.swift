/// Where a frame is in a buffer, and where its id is.
package struct FrameMark: Sendable, Equatable {
    /// The offset just after its last byte.
    package var end: Int
    /// The offset of its id line, or where one would be.
    package var idAt: Int
    /// The bytes of the id itself; `nil` if the frame has none.
    package var idLength: Int?
    /// It has data, so a client dispatches it.
    package var isEvent: Bool

    package init(end: Int, idAt: Int, idLength: Int?, isEvent: Bool) {
        self.end = end
        self.idAt = idAt
        self.idLength = idLength
        self.isEvent = isEvent
    }

    func moved(by offset: Int) -> FrameMark {
        FrameMark(end: end + offset, idAt: idAt + offset, idLength: idLength, isEvent: isEvent)
    }
}
