import Authoring
import CommandOutput
import Control
import FrontDoor
import Settings

extension PageTable {
    /// The pages that a server answers itself, besides the routes of its producers.
    init(for development: Development?, _ settings: Settings, _ readiness: ServerReadiness) throws(CommandFailure) {
        var rows: [Page] = []
        if let development { rows.append(Page(path: "/") { development.page }) }
        let path = settings.healthPath
        if !path.isEmpty {
            guard path != "/" || rows.isEmpty else {
                throw CommandFailure("--health-path: / is the page of 'sluice dev'; choose another path")
            }
            rows.append(AdminPages.health(path, readiness))
        }
        self.init(rows)
    }
}
