import EventStream
import Glibc
import ProducerInterface
import StreamRuntime

/// Tells what became of a plugin's sources: on the terminal, and as an event `sluice-build` to those who listen to the plugin.
struct BuildNotices: Sendable {
    let runtime: Runtime
    let reloader: Reloader

    /// Said of a build that takes its time.
    func begin(_ label: String) { writeFully(Array("\(label): building …\n".utf8), to: STDOUT_FILENO) }

    func tell(_ report: Development.Report) {
        let standing = reloader.standings.first { $0.image.path == report.file }
        // Those who listen come first: whoever reads the terminal, and subscribes then, is told of the builds after this one.
        if let standing {
            var frame = FrameBuffer(capacity: 1024)
            frame.appendBuild(file: report.label, isBuilt: report.isBuilt, text: report.text)
            runtime.announce(Array(frame.bytes), to: standing.image.plugin)
        }
        let seconds = "\(report.milliseconds / 1000).\(report.milliseconds % 1000 / 100) s"
        writeFully(Array(report.text.utf8), to: STDERR_FILENO)
        if report.isBuilt {
            let routes = standing?.entries.map(\.description.route).joined(separator: " ") ?? ""
            writeFully(Array("\(report.label): built in \(seconds), serves \(routes)\n".utf8), to: STDOUT_FILENO)
        } else {
            let old = standing == nil ? "nothing of it is served" : "the code of before keeps serving"
            writeFully(Array("\(report.label): not built (\(seconds)); \(old)\n".utf8), to: STDERR_FILENO)
        }
    }
}
